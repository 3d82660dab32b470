// install - what `make install` puts in place and `make uninstall` takes away.
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { run, scratch, type Ran } from './support.js'

const checkout = fileURLToPath(new URL('../../..', import.meta.url))
const names = ['usr/local/bin/unionfs', 'sbin/mount.unionfs', 'usr/local/bin/fuse-overlayfs']

// The command is built already, and must not be made anew under other tests.
function make(target: string, dir: string): Ran {
  return run('make', ['-C', checkout, '--no-print-directory', '-o', 'build', target, `DESTDIR=${dir}`, 'PREFIX=/usr/local', 'SBINDIR=/sbin', 'STAND_IN=1'])
}

// Of a link, whether it is there, wherever it leads.
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

t.test('what is installed runs, can be installed again, and is taken away again', (t) => {
  const dir = scratch(t)
  for (const time of ['first', 'second']) {
    const made = make('install', dir)
    t.equal(made.status, 0, `${time}: ${made.stderr}`)
  }
  for (const name of names) t.ok(isThere(join(dir, name)), name)
  t.match(run(join(dir, 'usr/local/bin/unionfs'), ['--version']).stdout, /^unionfs \d/)
  t.equal(make('uninstall', dir).status, 0)
  for (const name of [...names, 'usr/local/lib/unionfs']) t.notOk(isThere(join(dir, name)), name)
  t.end()
})

t.test('a name that another package has is left to it, and nothing is installed', (t) => {
  const dir = scratch(t)
  const file = join(dir, 'sbin/mount.unionfs')
  mkdirSync(join(dir, 'sbin'))
  writeFileSync(file, 'of another package')
  const made = make('install', dir)
  t.not(made.status, 0)
  t.match(made.stderr, `${file} is there and not ours (dpkg -S tells whose); remove it, or choose another PREFIX or SBINDIR`)
  t.equal(readFileSync(file, 'utf8'), 'of another package')
  t.notOk(existsSync(join(dir, 'usr')))
  t.equal(make('uninstall', dir).status, 0)
  t.ok(existsSync(file))
  t.end()
})
