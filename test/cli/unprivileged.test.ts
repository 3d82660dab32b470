// unprivileged - the command without root: through fusermount3, and as root of a user namespace.
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asUser, command, isRoot, makeStack, run, type Stack } from './support.js'

const uid = 1 // "daemon" on Debian: fusermount3 wants a user that has a name
const skip = isRoot ? false : 'needs root to become another user'

// A stack that belongs to an ordinary user.
function ownedStack(t: Parameters<typeof makeStack>[0]): Stack {
  const stack = makeStack(t)
  chmodSync(stack.dir, 0o755)
  for (const name of ['', 'a', 'b', 'upper', 'mnt', 'a/both', 'a/one', 'b/both', 'b/two']) chownSync(join(stack.dir, name), uid, uid)
  return stack
}

const unprivileged = (script: string, deviceMode?: string): string[] => asUser(uid, `unset XDG_RUNTIME_DIR; ${script}`, deviceMode)

const cycle = `
  set -e
  "$1" mount "$2" "$3" "$4"
  cat "$4/both"
  grep " $4 " /proc/mounts
  echo changed > "$4/two"
  rm "$4/one"
  "$1" status "$4"
  "$1" umount "$4"
  ! grep " $4 " /proc/mounts
`

t.test('an ordinary user mounts through fusermount3', { skip }, (t) => {
  const stack = ownedStack(t)
  const result = run('unshare', [...unprivileged(cycle), command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, /^top\n/)
  t.match(result.stdout, /fuse\.unionfs .*nosuid,nodev/)
  t.match(result.stdout, /mounted through fusermount3/)
  t.equal(readFileSync(join(stack.upper, 'two'), 'utf8'), 'changed\n')
  t.ok(readdirSync(stack.upper).some((name) => name === 'one' || name === '.wh.one'), 'the removal left a whiteout')
  t.end()
})

t.test('without privilege others may enter when allowed, but make nothing, and a new file has the group of the daemon', { skip }, (t) => {
  const stack = ownedStack(t)
  const [mnt, upper] = [stack.mnt, stack.upper]
  chmodSync(upper, 0o777)
  // As root around the user's mount: the same uid with another group, another uid, and a setgid directory.
  const script = `
   set -e
   mount -t tmpfs none /mnt
   mknod /mnt/fuse c 10 229; chmod 666 /mnt/fuse
   mount --bind /mnt/fuse /dev/fuse
   echo user_allow_other > /mnt/fuse.conf; chmod 644 /mnt/fuse.conf
   mount --bind /mnt/fuse.conf /etc/fuse.conf
   as() { setpriv --reuid $1 --regid $2 --clear-groups env -u XDG_RUNTIME_DIR sh -c "$3"; }
   as ${uid} ${uid} "'${command}' mount '${stack.lowers}' '${upper}' '${mnt}' --allow-other"
   as ${uid} 1234 "echo mine > '${mnt}/made'"
   as 4321 4321 "cat '${mnt}/both'"
   ! as 4321 4321 "echo theirs > '${mnt}/theirs'" 2>&1
   mkdir '${upper}/shared'; chown ${uid}:77 '${upper}/shared'; chmod 2775 '${upper}/shared'
   as ${uid} ${uid} "'${command}' umount '${mnt}'"
   as ${uid} ${uid} "'${command}' mount '${stack.lowers}' '${upper}' '${mnt}' --allow-other"
   as ${uid} ${uid} "echo ours > '${mnt}/shared/ours'"
   as ${uid} ${uid} "'${command}' umount '${mnt}'"`
  const result = run('unshare', ['-m', 'sh', '-c', script])
  t.equal(result.status, 0, result.stderr + result.stdout)
  t.match(result.stdout, /top\n/, 'others read')
  t.match(result.stdout, /Operation not permitted/, 'others make nothing')
  t.notOk(readdirSync(upper).includes('theirs'))
  t.same([statSync(join(upper, 'made')).uid, statSync(join(upper, 'made')).gid], [uid, uid], 'the group of the daemon')
  t.equal(statSync(join(upper, 'shared/ours')).gid, 77, 'a setgid directory decides')
  t.end()
})

t.test('root of a user namespace mounts', { skip }, (t) => {
  const stack = ownedStack(t)
  const inside = `exec unshare -Urm sh -c "$0" sh "$@"`
  const script = `
   mount -t tmpfs none /mnt
   mknod /mnt/fuse c 10 229; chmod 666 /mnt/fuse
   mount --bind /mnt/fuse /dev/fuse
   exec setpriv --reuid ${uid} --regid ${uid} --clear-groups env -u XDG_RUNTIME_DIR sh -c '${inside}' "$@"`
  const result = run('unshare', ['-m', 'sh', '-c', script, 'sh', cycle, command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, /^top\n/)
  t.equal(readFileSync(join(stack.upper, 'two'), 'utf8'), 'changed\n')
  t.end()
})

t.test('in a user namespace, what an owner without an id there has is read and not changed, and nothing of it lands in the upper', { skip }, (t) => {
  const stack = ownedStack(t)
  const a = join(stack.dir, 'a')
  for (const [name, owner, group] of [['theirs', 5555, 5555], ['ours', uid, 5555], ['dir', 5555, 5555], ['dir/mine', uid, uid]] as const) {
    const path = join(a, name)
    if (name === 'dir') mkdirSync(path)
    else writeFileSync(path, 'data\n')
    chmodSync(path, 0o777)
    chownSync(path, owner, group)
  }
  const attempts: readonly [attempt: string, says: RegExp][] = [
    ['stat -c %u:%g "$4/theirs"', /^65534:65534$/],
    ['cat "$4/theirs"', /^data$/],
    ['ls "$4/dir"', /^mine$/],
    // The kernel's answers: it asks nobody about an owner it cannot name.
    ['echo x >> "$4/theirs"', /Permission denied/],
    ['touch "$4/dir/new"', /Permission denied/],
    ['rm -f "$4/theirs"', /Value too large/],
    ['mv "$4/theirs" "$4/elsewhere"', /Value too large/],
    ['chmod 700 "$4/theirs"', /Value too large/],
    // Ours: the copy, or that of a directory above it, could not belong to whom it belongs.
    ['chgrp 0 "$4/ours"', /Value too large/],
    ['chmod 700 "$4/dir/mine"', /Value too large/],
    ['echo x > "$4/dir/mine"', /Value too large/],
    ['printf x | dd of="$4/dir/mine" conv=notrunc,fsync status=none', /Value too large/],
  ]
  const script = `"$1" mount "$2" "$3" "$4" || exit 9; ${attempts.map(([attempt]) => `(${attempt}) 2>&1 | tail -n 1; echo --`).join('; ')}; "$1" status "$4" | grep is.lost; "$1" umount "$4"`
  const inNamespace = ['-m', 'sh', '-c', `mount -t tmpfs none /mnt; mknod /mnt/fuse c 10 229; chmod 666 /mnt/fuse; mount --bind /mnt/fuse /dev/fuse
   exec setpriv --reuid ${uid} --regid ${uid} --clear-groups env -u XDG_RUNTIME_DIR unshare -Urm sh -c "$0" sh "$@"`]
  const result = run('unshare', [...inNamespace, script, command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  const answers = result.stdout.split('--\n')
  attempts.forEach(([attempt, says], i) => t.match(answers[i]?.trimEnd(), says, attempt))
  t.match(answers.at(-1), /cached data could not be written to the upper and is lost \(path dir\/mine, errno 75/)
  t.same(readdirSync(stack.upper), [])
  t.equal(readFileSync(join(a, 'dir/mine'), 'utf8'), 'data\n')
  t.end()
})

t.test('root in a user namespace of its own mounts', { skip }, (t) => {
  const stack = makeStack(t)
  const result = run('unshare', ['-Urm', 'sh', '-c', cycle, 'sh', command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  t.equal(readFileSync(join(stack.upper, 'two'), 'utf8'), 'changed\n')
  t.end()
})

t.test('in a user namespace a union mounted inside its own lower is not met there', { skip }, (t) => {
  const stack = makeStack(t)
  const script = `
   set -e
   mkdir "$2/mnt"
   "$1" mount "$2" "$3" "$2/mnt"
   cat "$2/mnt/both"
   echo "inside: $(ls -A "$2/mnt/mnt")"
   "$1" umount "$2/mnt"`
  const result = run('unshare', ['-Urm', 'sh', '-c', script, 'sh', command, join(stack.dir, 'a'), stack.upper])
  t.equal(result.status, 0, result.stderr)
  t.equal(result.stdout, 'top\ninside: \n')
  t.end()
})

t.test('SIGTERM ends the mount of an ordinary user', { skip }, (t) => {
  const stack = ownedStack(t)
  const script = `
    set -e
    "$1" mount "$2" "$3" "$4"
    pid=$("$1" status "$4" --json | sed -n "s/^ *\\"pid\\": \\([0-9]*\\),*/\\1/p")
    kill -TERM $pid
    for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $pid 2>/dev/null || break; sleep 0.2; done
    ! grep " $4 " /proc/mounts
    ! kill -0 $pid 2>/dev/null
  `
  const result = run('unshare', [...unprivileged(script), command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr + result.stdout)
  t.end()
})

t.test('a mount inside a lower is refused where no private clone can be taken', { skip }, (t) => {
  const stack = ownedStack(t)
  const result = run('unshare', [...unprivileged('mkdir "$2/inner"; "$1" mount "$2" "$3" "$2/inner"'), command, join(stack.dir, 'a'), stack.upper])
  t.equal(result.status, 1)
  t.match(result.stderr, /mount point .* lies inside lower .*walking that layer would walk into this mount/)
  t.end()
})

t.test('another user cannot reach the control socket, and umount says why', { skip }, (t) => {
  const stack = ownedStack(t)
  const script = `
    "$1" mount "$2" "$3" "$4" || exit 9
    stat -c %a:%u /tmp/unionfs-${uid}
    "$1" umount "$4"
  `
  const result = run('unshare', [...unprivileged(script), command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, new RegExp(`700:${uid}`))
  t.end()
})

t.test('a /dev/fuse that is closed to the user is named with its mode and the remedy', { skip }, (t) => {
  const stack = ownedStack(t)
  const says = /\/dev\/fuse +cannot be opened \(EACCES\): its mode is 0600, its owner 0:0.*chmod 0666 \/dev\/fuse.*udev rule/
  const mounted = run('unshare', [...unprivileged('"$1" mount "$2" "$3" "$4"', '600'), command, stack.lowers, stack.upper, stack.mnt])
  t.equal(mounted.status, 1)
  t.match(mounted.stderr, says)
  t.equal(mounted.stderr.trimEnd().split('\n').length, 1)
  const doctor = run('unshare', [...unprivileged('"$1" doctor', '600'), command])
  t.equal(doctor.status, 1)
  t.match(doctor.stdout, says)
  t.end()
})

t.test('--dev, --suid and --allow-other are refused with the reason where an ordinary user cannot have them', { skip }, (t) => {
  const stack = ownedStack(t)
  const tried = (option: string): string => {
    const result = run('unshare', [...unprivileged(`"$1" mount "$2" "$3" "$4" ${option}`), command, stack.lowers, stack.upper, stack.mnt])
    t.equal(result.status, 1)
    return result.stderr
  }
  t.match(tried('--dev'), /--dev: a mount of an ordinary user is nodev.*; leave it out, or mount as root/)
  t.match(tried('--suid'), /--suid: a mount of an ordinary user is nosuid.*; leave it out, or mount as root/)
  t.match(tried('--allow-other'), /other users cannot be let in.*user_allow_other/)
  t.end()
})

t.test('doctor negotiates the protocol for an ordinary user too, and tells how he can mount', { skip }, (t) => {
  const { stdout, status } = run('unshare', [...unprivileged('"$1" doctor'), command])
  t.equal(status, 0, stdout)
  t.match(stdout, /FUSE protocol +7\.\d+/)
  t.match(stdout, /privilege +none: you mount through fusermount3, on directories you own, or inside `unshare -Urm`/)
  t.end()
})

t.test('the mount of an ordinary user whose daemon died is shown as dead and can be unmounted', { skip }, (t) => {
  const stack = ownedStack(t)
  const script = `
    "$1" mount "$2" "$3" "$4" || exit 9
    kill -KILL $("$1" status "$4" --json | sed -n "s/^ *\\"pid\\": \\([0-9]*\\),*/\\1/p")
    for i in 1 2 3 4 5 6 7 8 9 10; do "$1" status "$4" | grep DEAD && break; sleep 0.2; done
    "$1" umount "$4" || exit 8
    ! grep " $4 " /proc/mounts
  `
  const result = run('unshare', [...unprivileged(script), command, stack.lowers, stack.upper, stack.mnt])
  t.equal(result.status, 0, result.stderr)
  t.match(result.stdout, /DEAD: its daemon \(pid \d+\) has died/)
  t.end()
})
