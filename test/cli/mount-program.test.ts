// mount-program - the command as container engines, mount(8) and fstab call it.
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { command, daemonsOf, eventually, isMounted, isRoot, makeStack, mountsBelow, run, unionfs, type Stack } from './support.js'

const skip = isRoot ? false : 'mounting needs root'

function optionsOf(stack: Stack, more = ''): string {
  mkdirSync(join(stack.dir, 'work'), { recursive: true })
  return `lowerdir=${stack.lowers},upperdir=${stack.upper},workdir=${stack.dir}/work${more}`
}

// The command under another name.
function named(stack: Stack, name: string): string {
  const path = join(stack.dir, name)
  if (!existsSync(path)) symlinkSync(command, path)
  return path
}


t.test('options first, TARGET last, as container storage calls it: mounted when it returns', { skip }, (t) => {
  const stack = makeStack(t)
  const ran = unionfs(['-o', optionsOf(stack, ',,volatile,'), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  t.equal(ran.stderr, '')
  t.equal(readFileSync(join(stack.mnt, 'both'), 'utf8'), 'top\n')
  writeFileSync(join(stack.mnt, 'new'), 'x')
  t.ok(existsSync(join(stack.upper, 'new')))
  t.match(mountsBelow(stack.dir), [{ type: 'fuse.unionfs', source: 'unionfs' }])
  t.equal(run('umount', [stack.mnt]).status, 0)
  t.same(readdirSync(stack.mnt), [])
  t.end()
})

t.test('the daemon leaves its caller nothing to wait for: stdout and stderr end with the parent', { skip }, (t) => {
  const stack = makeStack(t)
  const started = Date.now()
  // spawnSync waits until both pipes are closed.
  const ran = spawnSync(command, ['-o', optionsOf(stack), stack.mnt], { timeout: 20_000 })
  t.equal(ran.status, 0)
  t.ok(Date.now() - started < 15_000)
  t.ok(isMounted(stack.mnt))
  t.end()
})

t.test('the mount ends whoever unmounts, and the daemon with it', { skip }, async (t) => {
  for (const how of [['fusermount3', '-u'], ['umount', '-l'], ['umount']]) {
    const stack = makeStack(t)
    t.equal(unionfs(['-o', optionsOf(stack), stack.mnt]).status, 0)
    t.equal(run(how[0] ?? '', [...how.slice(1), stack.mnt]).status, 0, how.join(' '))
    t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
  }
})

t.test('SOURCE TARGET -o OPTIONS, in pieces: the source shows in the mount table', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.dir, 'work'))
  const pieces = ['-o', `workdir=${stack.dir}/work`, '-o', `upperdir=${stack.upper}`, '-o', `lowerdir=${stack.lowers}`, '-o', 'writeback=0,dev,suid']
  const ran = unionfs(['overlay', stack.mnt, ...pieces])
  t.equal(ran.status, 0, ran.stderr)
  t.match(mountsBelow(stack.dir), [{ type: 'fuse.unionfs', source: 'overlay' }])
  writeFileSync(join(stack.mnt, 'one'), 'changed')
  t.equal(readFileSync(join(stack.mnt, 'one'), 'utf8'), 'changed')
  t.end()
})

t.test('without upperdir, or with ro, the mount is read-only', { skip }, (t) => {
  for (const more of [undefined, ',ro']) {
    const stack = makeStack(t)
    writeFileSync(join(stack.upper, 'of-upper'), '')
    const ran = unionfs(['-o', more === undefined ? `lowerdir=${stack.lowers}` : optionsOf(stack, more), stack.mnt])
    t.equal(ran.status, 0, ran.stderr)
    t.throws(() => {
      writeFileSync(join(stack.mnt, 'new'), '')
    }, { code: 'EROFS' })
    t.equal(existsSync(join(stack.mnt, 'of-upper')), more !== undefined)
  }
  t.end()
})

t.test('relative paths, symlinks to layers, names with colons, commas and backslashes', { skip }, (t) => {
  const stack = makeStack(t)
  for (const name of ['c:d', 'e,f', 'g\\h', 'work']) mkdirSync(join(stack.dir, name))
  for (const name of ['c:d', 'e,f', 'g\\h']) writeFileSync(join(stack.dir, name, name), '')
  symlinkSync('../a', join(stack.dir, 'b/link'))
  symlinkSync('c:d', join(stack.dir, 'LINK'))
  const ran = unionfs(['-o', 'lowerdir=LINK:c\\\\:d:c\\:d:e\\,f:g\\h:a,upperdir=upper,workdir=work', 'mnt'], { cwd: stack.dir })
  t.equal(ran.status, 0, ran.stderr)
  t.same(readdirSync(stack.mnt).sort(), ['both', 'c:d', 'e,f', 'g\\h', 'one'])
  t.end()
})

t.test('unknown options are told on stderr and do not matter', { skip }, (t) => {
  const stack = makeStack(t)
  const ran = unionfs(['-o', optionsOf(stack, ',private,metacopy=on'), stack.mnt])
  t.equal(ran.status, 0)
  t.equal(ran.stderr, 'unknown argument ignored: private\nunknown argument ignored: metacopy=on\n')
  t.end()
})

t.test('failures say why on stderr, exit with 1 and leave nothing mounted', { skip }, (t) => {
  const stack = makeStack(t)
  for (const [list, why] of [
    [`upperdir=${stack.upper}`, /no lowerdir specified/],
    [`lowerdir=${stack.lowers},upperdir=${stack.upper}`, /workdir not specified/],
    [`lowerdir=${stack.dir}/nowhere`, /nowhere.*does not exist/],
    [`lowerdir=${stack.lowers},uidmapping=0:1`, /invalid mapping specified/],
  ] as const) {
    const ran = unionfs(['-o', list, stack.mnt])
    t.equal(ran.status, 1, list)
    t.match(ran.stderr, why)
    t.notOk(isMounted(stack.mnt))
  }
  t.end()
})

t.test('-f serves in the foreground until the mount ends', { skip }, async (t) => {
  const stack = makeStack(t)
  const child = spawn(command, ['-f', '-o', optionsOf(stack), stack.mnt], { stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.ok(await eventually(() => isMounted(stack.mnt)))
  t.equal(run('umount', [stack.mnt]).status, 0)
  t.equal(await ended, 0)
})

t.test('under the name fuse-overlayfs it is shown as that, and umount and status know it', { skip }, (t) => {
  const stack = makeStack(t)
  const program = named(stack, 'fuse-overlayfs')
  t.match(run(program, ['--version']), { status: 0, stdout: /^fuse-overlayfs: version \d+\.\d+\.\d+\n/ })
  t.match(run(program, ['--help']), { status: 0, stdout: /lowerdir/ })
  const ran = run(program, ['-o', optionsOf(stack), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  t.match(mountsBelow(stack.dir), [{ type: 'fuse.fuse-overlayfs', source: 'fuse-overlayfs' }])
  t.match(unionfs(['status', stack.mnt]), { status: 0, stdout: /read-write, pid/ })
  t.match(unionfs(['umount', stack.mnt]), { status: 0 })
  t.notOk(isMounted(stack.mnt))
  t.end()
})

t.test('mount(8) and mount.fuse3 mount it', { skip }, (t) => {
  const stack = makeStack(t)
  const helper = named(stack, 'mount.unionfs')
  const ran = run(helper, ['source', stack.mnt, '-v', '-o', `rw,${optionsOf(stack)},nodev`])
  t.equal(ran.status, 0, ran.stderr)
  t.match(mountsBelow(stack.dir), [{ source: 'source' }])
  t.equal(run('umount', [stack.mnt]).status, 0)
  t.equal(run(helper, ['source', stack.mnt, '-f', '-o', optionsOf(stack)]).status, 0, 'a fake mount checks and mounts nothing')
  t.notOk(isMounted(stack.mnt))
  const env = { ...process.env, PATH: `${stack.dir}:${process.env['PATH'] ?? ''}` }
  named(stack, 'unionfs')
  const fuse = run('mount.fuse3', ['overlay', stack.mnt, '-o', optionsOf(stack), '-t', 'unionfs'], { env })
  t.equal(fuse.status, 0, fuse.stderr)
  t.ok(isMounted(stack.mnt))
  t.end()
})

t.test('where a source is named, as containerd does, an absent extended attribute stays ENODATA', { skip }, async (t) => {
  const stack = makeStack(t)
  const files = Array.from({ length: 1500 }, (_, i) => join(stack.mnt, `file${i}`))
  for (const file of files) writeFileSync(join(stack.dir, 'a', basename(file)), '')
  for (const [source, wanted] of [[['overlay'], 0], [[], 1]] as const) {
    t.equal(unionfs(['-o', `lowerdir=${stack.lowers}`, ...source, stack.mnt]).status, 0)
    let unsupported = 0
    for (let round = 0; round < 20 && unsupported === 0; round++) {
      unsupported = run('getfattr', ['-n', 'security.capability', ...files]).stderr.split('\n').filter((line) => /not supported/i.test(line)).length
    }
    t.equal(Math.min(unsupported, 1), wanted, `${unsupported} files`)
    t.equal(run('umount', [stack.mnt]).status, 0)
    t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
  }
})

t.test('uidmapping and gidmapping show and store shifted owners', { skip }, (t) => {
  const stack = makeStack(t)
  chownSync(join(stack.dir, 'a/one'), 5, 6)
  chownSync(join(stack.dir, 'b/two'), 70000, 70000)
  const mapping = ',uidmapping=:0:100000:1000,gidmapping=:0:200000:1000'
  const ran = unionfs(['-o', optionsOf(stack, mapping), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  const shown = (name: string): [number, number] => {
    const stats = statSync(join(stack.mnt, name))
    return [stats.uid, stats.gid]
  }
  t.same(shown('one'), [100005, 200006])
  t.same(shown('two'), [65534, 65534], 'what is not mapped belongs to nobody')
  chownSync(join(stack.mnt, 'one'), 100007, 200008)
  t.same(shown('one'), [100007, 200008])
  const stored = statSync(join(stack.upper, 'one'))
  t.same([stored.uid, stored.gid], [7, 8])
  t.end()
})

t.test('squashing shows one owner and takes no other', { skip }, (t) => {
  const stack = makeStack(t)
  chownSync(join(stack.dir, 'a/one'), 5, 6)
  const ran = unionfs(['-o', optionsOf(stack, ',squash_to_uid=42,squash_to_gid=43'), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  chownSync(join(stack.mnt, 'one'), 7, 8)
  const stats = statSync(join(stack.mnt, 'one'))
  t.same([stats.uid, stats.gid], [42, 43])
  t.end()
})

t.test('noxattrs, static_nlink and ino32_t', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.dir, 'a/d/e'), { recursive: true })
  const ran = unionfs(['-o', optionsOf(stack, ',noxattrs=1,static_nlink,ino32_t,timeout=0'), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  t.equal(statSync(join(stack.mnt, 'd')).nlink, 1)
  t.match(run('setfattr', ['-n', 'user.x', '-v', '1', join(stack.mnt, 'one')]).stderr, /not supported/i)
  t.match(run('getfattr', ['-n', 'user.x', join(stack.mnt, 'one')]).stderr, /not supported/i)
  t.ok(statSync(join(stack.mnt, 'one'), { bigint: true }).ino < 1n << 32n)
  t.end()
})

t.test('with timeout=0 a change of a layer shows at once', { skip }, (t) => {
  const stack = makeStack(t)
  const ran = unionfs(['-o', optionsOf(stack, ',timeout=0'), stack.mnt])
  t.equal(ran.status, 0, ran.stderr)
  t.equal(statSync(join(stack.mnt, 'two')).mode & 0o777, 0o644)
  run('chmod', ['600', join(stack.dir, 'b/two')])
  t.equal(statSync(join(stack.mnt, 'two')).mode & 0o777, 0o600, basename(stack.mnt))
  t.end()
})

// What a user sees of a tree, in lines.
function shownTree(root: string): string[] {
  const listed = run('sh', ['-c', "cd \"$1\" && find . -exec stat -c '%n %u:%g %a %F %t:%T' {} + | sort", 'sh', root])
  return listed.stdout.trim().split('\n')
}

const otherProgram = ['/usr/bin', '/usr/local/bin'].map((dir) => join(dir, 'fuse-overlayfs')).find((path) => existsSync(path))
const skipOther = skip || (otherProgram === undefined ? 'fuse-overlayfs is not installed (make test-deps)' : false)
const overrideNames = { user: 'user.fuseoverlayfs.override_stat', containers: 'user.containers.override_stat', privileged: 'security.fuseoverlayfs.override_stat' } as const

function mounted(t: Test, program: string, options: string, mnt: string, use: () => void): void {
  const ran = run(program, ['-o', options, mnt])
  t.equal(ran.status, 0, ran.stderr)
  use()
  t.equal(run('umount', [mnt]).status, 0)
}

function writeOwned(mnt: string, special: boolean): void {
  const script = `set -e; cd "$1"; umask 022
    echo a >new; chown 7:8 new; chmod 600 new; ln new new2
    mkdir dir; chown 1:2 dir; chmod 1770 dir; echo b >dir/setuid; chown 3:4 dir/setuid; chmod 4711 dir/setuid
    chown 9:9 one; chmod 640 both; rm two`
  const specials = 'mknod char c 1 5; mknod block b 7 0; mkfifo pipe; chown 5:6 char pipe'
  const ran = run('sh', ['-c', special ? `${script}\n${specials}` : script, 'sh', mnt])
  if (ran.status !== 0) throw new Error(ran.stderr)
}

t.test('xattr_permissions=1 and 2: owners, modes and types live in xattrs, and nothing shows of it', { skip }, async (t) => {
  for (const [mode, xattr] of [['1', overrideNames.privileged], ['2', overrideNames.containers]] as const) {
    const stack = makeStack(t)
    const options = optionsOf(stack, `,xattr_permissions=${mode}`)
    let before: string[] = []
    mounted(t, command, options, stack.mnt, () => {
      writeOwned(stack.mnt, true)
      before = shownTree(stack.mnt)
      t.equal(run('getfattr', ['-R', '-d', '-m', '-', stack.mnt]).stdout, '')
    })
    t.match(before.join('\n'), /\.\/char 5:6 644 character special file 1:5\n/)
    t.match(before.join('\n'), /\.\/dir\/setuid 3:4 4711 regular file/)
    t.match(run('getfattr', ['-n', xattr, '--only-values', join(stack.upper, 'dir/setuid')]).stdout, /^3:4:4711$/)
    t.match(run('getfattr', ['-n', xattr, '--only-values', join(stack.upper, 'char')]).stdout, /^5:6:0644:char-1-5$/)
    const real = statSync(join(stack.upper, 'dir/setuid'))
    t.same([real.uid, real.mode & 0o7777], [0, 0o711], 'on disk nothing is set-user-id, or anybody else\'s')
    // Again, and as a lower: its root says how to read it.
    t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
    mounted(t, command, options, stack.mnt, () => { t.same(shownTree(stack.mnt), before) })
    mounted(t, command, `lowerdir=${stack.upper}:${stack.lowers}`, stack.mnt, () => { t.same(shownTree(stack.mnt), before) })
  }
})

t.test('fuse-overlayfs shows what was written here with owners in xattrs, and the other way round', { skip: skipOther }, async (t) => {
  const other = otherProgram ?? ''
  for (const [mode, xattr] of [['1', overrideNames.privileged], ['2', overrideNames.user]] as const) {
    for (const [writer, reader] of [[command, other], [other, command]] as const) {
      const stack = makeStack(t)
      // The name an older fuse-overlayfs takes for 2; the upper's root decides.
      for (const dir of ['upper', 'a', 'b']) t.equal(run('setfattr', ['-n', xattr, '-v', '0:0:755', join(stack.dir, dir)]).status, 0)
      for (const file of ['a/both', 'a/one', 'b/both', 'b/two']) run('setfattr', ['-n', xattr, '-v', '5:6:644', join(stack.dir, file)])
      const options = optionsOf(stack, `,xattr_permissions=${mode}`)
      let before: string[] = []
      mounted(t, writer, options, stack.mnt, () => {
        writeOwned(stack.mnt, false)
        before = shownTree(stack.mnt)
      })
      t.match(before.join('\n'), /\.\/one 9:9 644 /)
      t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
      mounted(t, reader, options, stack.mnt, () => { t.same(shownTree(stack.mnt), before, `${basename(writer)} to ${basename(reader)}, ${mode}`) })
      t.ok(await eventually(() => daemonsOf(stack.dir).length === 0))
      mounted(t, reader, `lowerdir=${stack.upper}:${stack.lowers}`, stack.mnt, () => { t.same(shownTree(stack.mnt), before, 'as a lower') })
    }
  }
})

t.test('with FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT set, deletions are files, and an opaque directory holds one', { skip }, (t) => {
  const stack = makeStack(t)
  mkdirSync(join(stack.dir, 'a/d'))
  writeFileSync(join(stack.dir, 'a/d/x'), '')
  const env = { ...process.env, FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT: '' }
  const ran = unionfs(['-o', optionsOf(stack), stack.mnt], { env })
  t.equal(ran.status, 0, ran.stderr)
  run('sh', ['-c', 'cd "$1" && rm one && rm -r d && mkdir d && touch d/new && rm d/new', 'sh', stack.mnt])
  t.same(readdirSync(stack.mnt).sort(), ['both', 'd', 'two'])
  t.same(readdirSync(join(stack.mnt, 'd')), [])
  t.same(readdirSync(stack.upper).sort(), ['.wh.one', 'd'])
  t.same(readdirSync(join(stack.upper, 'd')), ['.wh..wh..opq'])
  for (const name of ['.wh.x', '.wh..wh..opq']) {
    t.throws(() => { writeFileSync(join(stack.mnt, name), '') }, { code: 'EINVAL' })
    t.notOk(existsSync(join(stack.mnt, name)))
  }
  t.end()
})

t.test('xattr_permissions on an upper without extended attributes is refused, and leaves nothing mounted', { skip }, (t) => {
  const stack = makeStack(t)
  t.equal(run('mount', ['-t', 'ramfs', 'ramfs', stack.upper]).status, 0)
  for (const name of ['u', 'w']) mkdirSync(join(stack.upper, name))
  const ran = unionfs(['-o', `lowerdir=${stack.lowers},upperdir=${stack.upper}/u,workdir=${stack.upper}/w,xattr_permissions=2`, stack.mnt])
  t.equal(ran.status, 1)
  t.match(ran.stderr, /the upper cannot keep owners and modes in extended attributes \(EOPNOTSUPP\)/)
  t.notOk(isMounted(stack.mnt))
  t.end()
})

t.test('a workdir without an upperdir is told of: a misspelt upperdir would give a read-only mount', { skip }, (t) => {
  const stack = makeStack(t)
  const ran = unionfs(['-o', `lowerdir=${stack.lowers},uperdir=${stack.upper},workdir=${stack.dir}/work`, stack.mnt])
  t.equal(ran.status, 0)
  t.equal(ran.stderr, `unknown argument ignored: uperdir=${stack.upper}\nworkdir without upperdir: the mount is read-only\n`)
  t.throws(() => writeFileSync(join(stack.mnt, 'new'), ''), { code: 'EROFS' })
  t.end()
})

t.test('a remount is refused by what it is, and the mount stays as it was', { skip }, (t) => {
  const stack = makeStack(t)
  t.equal(unionfs(['-o', optionsOf(stack), stack.mnt]).status, 0)
  const ran = unionfs(['source', stack.mnt, '-o', 'remount,ro'])
  t.equal(ran.status, 1)
  t.equal(ran.stderr, `unionfs: ${stack.mnt}: the options of a mount cannot be changed (remount); unmount it, and mount it again with those you want\n`)
  writeFileSync(join(stack.mnt, 'new'), '')
  t.end()
})
