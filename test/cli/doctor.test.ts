// doctor - what it finds out about this host and about directories.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isRoot, mountsBelow, scratch, unionfs } from './support.js'

interface Report {
  host: { name: string; verdict: string; found: string; consequence?: string; remedy?: string }[]
  paths: { path: string; filesystem?: string; error?: string; checks: { name: string; verdict: string; found: string; consequence?: string; remedy?: string }[] }[]
}

t.test('it names every part of the host that matters', (t) => {
  const report = JSON.parse(unionfs(['doctor', '--json']).stdout) as Report
  t.strictSame(
    report.host.map((check) => check.name),
    ['kernel', '/dev/fuse', 'FUSE protocol', 'privilege', 'passthrough I/O', 'user namespaces', 'fusermount3', 'kernel overlayfs', 'open files'],
  )
  for (const check of report.host) t.ok(check.verdict === 'good' || ((check.consequence ?? '') !== '' && (check.remedy ?? '') !== ''), `${check.name} tells what it costs and what to do`)
  t.end()
})

t.test('as root the protocol is negotiated by a trial mount that leaves nothing', { skip: isRoot ? false : 'needs root' }, (t) => {
  const before = mountsBelow('/tmp').length
  const report = JSON.parse(unionfs(['doctor', '--json']).stdout) as Report
  t.match(report.host.find((check) => check.name === 'FUSE protocol')?.found, /^7\.\d+$/)
  t.equal(mountsBelow('/tmp').length, before)
  t.end()
})

t.test('a path is probed and left as it was', (t) => {
  const dir = scratch(t)
  writeFileSync(join(dir, 'file'), '')
  const { stdout } = unionfs(['doctor', '--json', dir, join(dir, 'file'), join(dir, 'missing')])
  const { paths } = JSON.parse(stdout) as Report
  t.equal(paths[0]?.filesystem, 'tmpfs')
  t.match(paths[0]?.checks.find((check) => check.name === 'writable'), { verdict: 'good' })
  t.ok(paths[0]?.checks.some((check) => check.name.startsWith('user xattrs')))
  t.equal(paths[1]?.error, 'ENOTDIR')
  t.equal(paths[2]?.error, 'ENOENT')
  t.strictSame(readdirSync(dir), ['file'])
  t.end()
})

t.test('what cannot be an upper is told, with the consequence', (t) => {
  const { stdout, status } = unionfs(['doctor', '/proc/self/fd'])
  t.match(stdout, /writable .*no \(E\w+\): it can be a lower, not an upper/)
  t.type(status, 'number')
  t.end()
})

t.test('a path that cannot be used is told with the reason and what to do', (t) => {
  const missing = join(scratch(t), 'missing')
  const { stdout, status } = unionfs(['doctor', missing])
  t.equal(status, 1)
  t.ok(stdout.endsWith(`\n${missing}: does not exist (ENOENT); create it or correct the path\n`), stdout)
  t.end()
})

t.test('what is missing is told with what it costs and what to do', (t) => {
  const { stdout } = unionfs(['doctor', '/proc'])
  t.match(stdout, /-- {2}writable +no \(ENOENT\): it can be a lower, not an upper; for an upper choose a directory on a writable ext4, xfs, btrfs or tmpfs\n/)
  for (const line of stdout.split('\n').filter((each) => /^ {2}(--|BAD) /.test(each))) t.match(line, /: .+; .+/)
  t.end()
})

t.test('the text is one line for each check', (t) => {
  const { stdout } = unionfs(['doctor'])
  for (const line of stdout.trimEnd().split('\n')) t.match(line, /^ {2}(ok|--|BAD) /)
  t.end()
})
