// messages - what goes wrong is said in words: the thing, the reason, the remedy; never the text of a system call.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { command, isRoot, makeStack, run, scratch, unionfs, type Ran } from './support.js'

const skip = isRoot ? false : 'needs root to become another user'

function says(t: Test, result: Ran, line: string | RegExp): void {
  t.equal(result.status, 1)
  if (typeof line === 'string') t.equal(result.stderr, `unionfs: ${line}\n`)
  else t.match(result.stderr, line)
  t.notMatch(result.stderr, /E[A-Z]+: |lstat|uv_|realpath|readlink|Error:/, 'no raw error')
}

t.test('in a directory that was removed, relative paths are refused with the reason; others work', (t) => {
  const dir = scratch(t)
  const inRemoved = (...args: string[]): Ran => run('sh', ['-c', 'mkdir "$1/gone" && cd "$1/gone" && rmdir "$1/gone" && shift && exec env -u NODE_OPTIONS "$@"', 'sh', dir, command, ...args]) // what tap has node load asks for the directory itself
  says(t, inRemoved('mount', 'a', 'b'), 'the working directory has been removed (ENOENT); change to one that exists, or give absolute paths only')
  says(t, inRemoved('seal', 'a', '--index', join(dir, 'index')), /working directory has been removed|a: does not exist \(ENOENT\)/)
  t.equal(inRemoved('status').status, 0)
  says(t, inRemoved('mount', join(dir, 'nowhere'), dir), /^unionfs: lower \(.*nowhere\): does not exist; /)
  says(t, inRemoved('umount', dir), /^unionfs: .* is not a unionfs mount/)
  t.end()
})

t.test('a path that leads to a name that is not UTF-8 is refused as that, not as missing', (t) => {
  const dir = scratch(t)
  t.equal(run('sh', ['-c', 'cd "$1" && x=$(printf "b\\377") && mkdir "$x" "$x/a" m && ln -s "$x" link', 'sh', dir]).status, 0)
  says(t, unionfs(['mount', join(dir, 'link'), join(dir, 'm')]), `${dir}/link: its path is not UTF-8; rename what is not, or mount it elsewhere with mount --bind and name that`)
  const inside = run('sh', ['-c', 'cd "$1/link" && shift && exec env -u NODE_OPTIONS "$@"', 'sh', dir, command, 'mount', 'a', join(dir, 'm')])
  says(t, inside, 'the working directory: its path is not UTF-8; rename what is not, or mount it elsewhere with mount --bind and name that')
  t.end()
})

t.test('every error names the thing, the reason and what to do', (t) => {
  const { dir, lowers, upper, mnt } = makeStack(t)
  const index = ['--index', join(dir, 'index')]
  const file = join(dir, 'file')
  const long = join(dir, 'x'.repeat(300))
  writeFileSync(file, '')
  says(t, unionfs(['seal', join(dir, 'nope'), ...index]), `${dir}/nope: does not exist (ENOENT); name a directory that exists`)
  says(t, unionfs(['seal', file, ...index]), `${file}: is not a directory, or lies below what is none (ENOTDIR); name a directory`)
  says(t, unionfs(['index', 'build', file, ...index]), `${file}: is not a directory, or lies below what is none (ENOTDIR); name a directory`)
  says(t, unionfs(['index', 'verify', join(dir, 'nope'), ...index]), `${dir}/nope: does not exist (ENOENT); name a directory that exists`)
  says(t, unionfs(['mount', lowers, upper, mnt, '--log', join(dir, 'nope/log')]), `cannot write the log file ${dir}/nope/log: does not exist (ENOENT); name a writable file with --log`)
  says(t, unionfs(['umount', long]), /x does not exist; /)
  says(t, unionfs(['mount', long, mnt]), /x\): has too long a name \(ENAMETOOLONG\); correct the path/)
  t.end()
})

t.test('a user without a home directory has no path index, and mounts all the same', { skip }, (t) => {
  const dir = scratch(t)
  mkdirSync(join(dir, 'a'))
  run('chmod', ['-R', '755', dir])
  const asNobody = (...args: string[]): Ran => run('env', ['-u', 'HOME', '-u', 'UNIONFS_INDEX', '-u', 'XDG_CACHE_HOME', 'setpriv', '--reuid', '12345', '--clear-groups', command, ...args])
  const seal = asNobody('seal', join(dir, 'a'))
  t.equal(seal.status, 2)
  t.match(seal.stderr, /^unionfs: there is no path index: .*no home directory.*; name a directory with --index/)
  t.match(asNobody('mount', join(dir, 'a'), join(dir, 'nowhere')).stderr, /mount point \(.*nowhere\): does not exist/)
  t.end()
})

t.test('a remedy can be pasted into a shell, and no control character of a name reaches the terminal', { skip }, (t) => {
  const { dir, lowers, mnt } = makeStack(t)
  for (const name of ['two words', "it's $HOME", 'new\nline', 'esc\u001b[2Jape']) {
    const upper = join(dir, name)
    const { stderr } = unionfs(['mount', lowers, upper, mnt])
    t.notMatch(stderr.trimEnd(), /[\u0000-\u001f]/, JSON.stringify(name))
    const remedy = /create it: (mkdir .*)/.exec(stderr)?.[1] ?? 'false'
    t.equal(run('bash', ['-c', remedy]).status, 0, remedy)
    t.equal(unionfs(['mount', lowers, upper, mnt]).status, 0, 'what it made is what was missing')
    t.equal(unionfs(['umount', mnt]).status, 0)
  }
  t.end()
})

t.test('status shows names with control characters on one line each, escaped', { skip }, (t) => {
  const { dir, lowers } = makeStack(t)
  const mnt = join(dir, 'x\n\u001b]0;y')
  mkdirSync(mnt)
  t.equal(unionfs(['mount', lowers, mnt]).status, 0)
  for (const args of [['status'], ['status', mnt]]) {
    const { stdout } = unionfs(args)
    t.ok(stdout.includes(`${dir}/x\\n\\u001b]0;y  read-only`), stdout)
    t.notMatch(stdout, /\u001b/)
  }
  t.equal((JSON.parse(unionfs(['status', mnt, '--json']).stdout) as { mounts: { mountpoint: string }[] }).mounts[0]?.mountpoint, mnt)
  t.equal(unionfs(['umount', mnt]).status, 0)
  t.end()
})
