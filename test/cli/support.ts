// support - runs the built command in scratch directories, and leaves nothing mounted whatever happens.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { parseMountinfo, type MountEntry } from '../../src/stack/mount-table.js'

export const command = fileURLToPath(new URL('../../bin/unionfs', import.meta.url))
export const isRoot = process.geteuid?.() === 0
const timeout = 30_000

// Tests of the path index name their own; the user's is nobody's business.
process.env['UNIONFS_INDEX'] ??= 'none'

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

// What `unshare` runs `script` with, as the user, in a mount namespace whose /dev/fuse everybody may open unless `deviceMode` says
// otherwise (udev makes it 0666, and a machine without udev 0600). Everything it mounts is gone when it ends. What comes
// after these is $1 and so on in the script.
export function asUser(uid: number, script: string, deviceMode = '666'): string[] {
  const outer = `set -e
    mount -t tmpfs none /mnt
    mknod /mnt/fuse c 10 229; chmod ${deviceMode} /mnt/fuse
    mount --bind /mnt/fuse /dev/fuse
    exec setpriv --reuid ${uid} --regid ${uid} --clear-groups sh -c "$0" sh "$@"`
  return ['-m', 'sh', '-c', outer, script]
}

export function run(program: string, args: readonly string[], options: RunOptions = {}): Ran {
  const result: SpawnSyncReturns<string> = spawnSync(program, args, { encoding: 'utf8', timeout, killSignal: 'SIGKILL', ...options })
  if (result.error !== undefined) throw result.error
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

export function unionfs(args: readonly string[], options: RunOptions = {}): Ran {
  return run(command, args, options)
}

// A directory of the test's own on tmpfs. Afterwards everything mounted below it is detached and it is removed.
export function scratch(t: Test): string {
  const dir = realpathSync(mkdtempSync('/dev/shm/unionfs-cli-'))
  t.teardown(() => {
    for (const entry of mountsBelow(dir).reverse()) run('umount', ['-l', entry.mountpoint])
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}

export function mountsBelow(dir: string): MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter((entry) => entry.mountpoint.startsWith(`${dir}/`))
}

export interface Stack {
  readonly dir: string
  readonly lowers: string // as a spec
  readonly upper: string
  readonly workdir: string // the default one
  readonly mnt: string
}

// Two lowers with a file each and one in both.
export function makeStack(t: Test): Stack {
  const dir = scratch(t)
  for (const name of ['a', 'b', 'upper', 'mnt']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'a/both'), 'top\n')
  writeFileSync(join(dir, 'b/both'), 'bottom\n')
  writeFileSync(join(dir, 'a/one'), '1\n')
  writeFileSync(join(dir, 'b/two'), '2\n')
  return { dir, lowers: `${dir}/a:${dir}/b`, upper: join(dir, 'upper'), workdir: join(dir, '.upper.work'), mnt: join(dir, 'mnt') }
}

// Mounted read-write; fails the test when that fails. The daemon's pid.
export function mountStack(t: Test, stack: Stack, options: readonly string[] = []): number {
  const result = unionfs(['mount', stack.lowers, stack.upper, stack.mnt, ...options])
  t.equal(result.status, 0, `mounts: ${result.stderr}`)
  return pidOf(stack.mnt)
}

// As container engines write it, which needs no node. The daemon's pid.
export function mountPlainly(t: Test, stack: Stack): number {
  const workdir = join(stack.dir, 'work')
  mkdirSync(workdir, { recursive: true })
  const result = unionfs(['-o', `lowerdir=${stack.lowers},upperdir=${stack.upper},workdir=${workdir}`, stack.mnt])
  t.strictSame(result, { status: 0, stdout: '', stderr: '' }, 'mounts')
  const pid = pidOf(stack.mnt)
  t.equal(programOf(pid), command)
  return pid
}

export function programOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/exe`)
}

export function pidOf(mountpoint: string): number {
  const status = unionfs(['status', mountpoint, '--json'])
  const parsed = JSON.parse(status.stdout) as { mounts: { pid: number }[] }
  return parsed.mounts[0]?.pid ?? -1
}

export function isMounted(mountpoint: string): boolean {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).some((entry) => entry.mountpoint === mountpoint)
}

// A zombie whose parent has not looked yet has ended, but for threads that are still on their way out: the last of them
// closes the files.
export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) || readdirSync(`/proc/${pid}/task`).length > 1
  } catch {
    return false
  }
}

export async function eventually(condition: () => boolean, milliseconds = 10_000): Promise<boolean> {
  const end = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > end) return false
    await sleep(20)
  }
  return true
}

// Processes whose command line names this directory: daemons that should be gone.
export function daemonsOf(dir: string): string[] {
  return run('ps', ['-eo', 'pid,stat,args']).stdout.split('\n').filter((line) => line.includes(dir) && !line.includes('ps -eo') && !/^\s*\d+\s+Z/.test(line))
}
