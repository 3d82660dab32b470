// subject - the filesystems under test: a plain directory, kernel overlayfs, and unionfs in each I/O mode.
//
// makeStack() lays literal layers out on a filesystem of its own and mounts them; the caller runs in a mount and pid
// namespace of its own (sandbox.ts), so whatever is left behind ends with it.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mergeLayers } from './merge.js'
import { fuseNativeTransport } from '../../src/transport/fuse-native.js'
import { abilities, lacks as transportLacks, type Ability as Carried, type Transport } from '../../src/transport/transport.js'
import { dir, writeTree, type DirNode, type Tree } from './tree.js'

export const KINDS = ['plain', 'overlay', 'unionfs-cached', 'unionfs-passthrough', 'unionfs-sealed', 'unionfs-override', 'unionfs-fuse-native'] as const
export type Kind = (typeof KINDS)[number]

// What a subject may lack. A case names the ability it needs; the reason stands in `LACKS`.
export type Ability = Carried | 'union' | 'aufs-markers' | 'xattr-whiteouts' | 'user-markers' | 'kept-hardlinks' | 'live-readers' | 'one-device' | 'foreign-upper-ino' | 'plain-inodes'

const LACKS: Record<Kind, Partial<Record<Ability, string>>> = {
  plain: { union: 'a plain directory has no layers' },
  overlay: {
    'aufs-markers': 'kernel overlayfs does not read .wh. files',
    'user-markers': 'kernel overlayfs reads user.* markers only when mounted with userxattr',
    'kept-hardlinks': 'kernel overlayfs without index breaks hard links on copy-up',
    'live-readers': 'a descriptor opened on kernel overlayfs before copy-up keeps reading the lower file',
    'foreign-upper-ino': 'kernel overlayfs lists the upper inode number of a merged directory whose upper part it did not make',
    'one-device': 'kernel overlayfs without xino gives lower files a device number of their own when layers lie on several devices',
  },
  'unionfs-cached': {},
  'unionfs-sealed': {},
  'unionfs-override': { 'plain-inodes': 'owner, mode and type of what lies in the upper are in xattrs of it' },
  'unionfs-passthrough': { 'live-readers': 'a descriptor opened before copy-up is bound to the lower file in passthrough mode' },
  'unionfs-fuse-native': notCarriedBy(fuseNativeTransport),
}

function notCarriedBy(transport: Transport): Partial<Record<Ability, string>> {
  const names = Object.keys(abilities) as Carried[]
  return Object.fromEntries(names.map((ability) => [ability, transportLacks(transport, ability)]))
}

export function lacks(kind: Kind, ability: Ability): string | undefined {
  return LACKS[kind][ability]
}

export interface StackOptions {
  readOnly?: boolean
  // The upper's filesystem is a tmpfs of this size.
  upperSize?: string
  // Every lower lies on a filesystem of its own: tmpfs, or ramfs, which knows no attributes.
  severalDevices?: boolean
  lowerFilesystem?: 'tmpfs' | 'ramfs'
  // The daemon of unionfs may open no more files than this.
  openFiles?: number
  // Extra words for the mount command of unionfs and extra -o options for kernel overlayfs.
  unionfsArgs?: string[]
  overlayOptions?: string[]
}

export interface Layers {
  lowers: Array<Tree | DirNode>
  upper?: Tree | DirNode
}

export interface Stack {
  kind: Kind
  root: string
  // Absent on the plain subject.
  union?: UnionPaths
  unmount(): void
  mount(): void
}

export interface UnionPaths {
  lowers: string[]
  upper: string
  work: string
}

// The built command, or another one with the same words (an installed copy).
const COMMAND = process.env['UNIONFS_TEST_COMMAND'] ?? resolve(dirname(fileURLToPath(import.meta.url)), '../../bin/unionfs')
const MOUNT_LIMIT_MS = 30_000

export function run(command: string, args: string[], options: { cwd?: string } = {}): string {
  const done = spawnSync(command, args, { ...options, encoding: 'utf8', timeout: MOUNT_LIMIT_MS, killSignal: 'SIGKILL' })
  if (done.status !== 0) {
    const why = done.error?.message ?? `exit ${String(done.status)}`
    throw new Error(`${command} ${args.join(' ').slice(0, 400)}: ${why}: ${done.stderr}${done.stdout}`)
  }
  return done.stdout
}

const mountTmpfs = (at: string, size: string): void => {
  mkdirSync(at, { recursive: true })
  run('mount', ['-t', 'tmpfs', '-o', `strictatime,mode=755,size=${size}`, 'tmpfs', at])
}

const mountRamfs = (at: string): void => {
  mkdirSync(at, { recursive: true })
  run('mount', ['-t', 'ramfs', 'ramfs', at])
  chmodSync(at, 0o755)
}

export function makeStack(kind: Kind, base: string, layers: Layers, options: StackOptions = {}): Stack {
  mkdirSync(base, { recursive: true })
  return kind === 'plain' ? plainStack(base, layers, options) : unionStack(kind, base, layers, options)
}

function plainStack(base: string, layers: Layers, options: StackOptions): Stack {
  const root = join(base, 'm')
  if (options.upperSize !== undefined) mountTmpfs(root, options.upperSize)
  else mkdirSync(root)
  const all = layers.upper === undefined ? layers.lowers : [layers.upper, ...layers.lowers]
  writeTree(root, mergeLayers(all))
  if (options.readOnly === true) {
    run('mount', ['--bind', root, root])
    run('mount', ['-o', 'remount,bind,ro', root])
  }
  return { kind: 'plain', root, mount: () => undefined, unmount: () => undefined }
}

function unionStack(kind: Exclude<Kind, 'plain'>, base: string, layers: Layers, options: StackOptions): Stack {
  const root = join(base, 'm')
  const writable = join(base, 'w')
  const union: UnionPaths = { lowers: [], upper: join(writable, 'u'), work: join(writable, 'work') }
  layers.lowers.forEach((tree, i) => {
    const at = join(base, 'l', String(i))
    if (options.lowerFilesystem === 'ramfs') mountRamfs(at)
    else if (options.severalDevices === true) mountTmpfs(at, '16m')
    else mkdirSync(at, { recursive: true })
    writeTree(at, tree)
    union.lowers.push(at)
  })
  if (options.upperSize !== undefined) mountTmpfs(writable, options.upperSize)
  for (const path of [union.upper, union.work, root]) mkdirSync(path, { recursive: true })
  writeTree(union.upper, layers.upper ?? dir())
  if (kind === 'unionfs-override') keepOwnersInXattrs(union.upper)
  const stack: Stack = {
    kind,
    root,
    union,
    mount: () => { mountAs(kind, base, root, union, options) },
    unmount: () => { unmountStack(kind, root) },
  }
  stack.mount()
  return stack
}

// An upper whose root says so keeps owners, modes and types in xattrs (docs/FORMAT.md).
function keepOwnersInXattrs(upper: string): void {
  const { uid, gid, mode } = statSync(upper)
  run('setfattr', ['-n', 'user.containers.override_stat', '-v', `${uid}:${gid}:${(mode & 0o7777).toString(8)}`, upper])
}

// Mounts existing layers with any union subject.
export function mountAs(kind: Kind, base: string, root: string, union: UnionPaths, options: StackOptions = {}): void {
  if (kind === 'overlay') mountOverlay(base, root, union, options)
  else mountUnionfs(kind, root, union, options)
}

// Layer paths are given relative to `base`, which keeps 500 of them within the one page mount(2) has for options.
function mountOverlay(base: string, root: string, union: UnionPaths, options: StackOptions): void {
  const short = (path: string): string => relative(base, path)
  const lowers = union.lowers.map(short)
  if (options.readOnly === true && lowers.length < 2) lowers.push(short(emptyLayer(base)))
  const words = [`lowerdir=${lowers.join(':')}`, 'index=off', 'redirect_dir=off', 'metacopy=off', 'xino=off']
  if (options.readOnly !== true) words.push(`upperdir=${short(union.upper)}`, `workdir=${short(union.work)}`)
  run('mount', ['-i', '-t', 'overlay', '-o', [...words, ...(options.overlayOptions ?? [])].join(','), 'overlay', root], { cwd: base })
}

// Kernel overlayfs refuses to mount a single lower without an upper.
function emptyLayer(base: string): string {
  const at = join(base, 'none')
  mkdirSync(at, { recursive: true })
  return at
}

const escapeLayer = (path: string): string => path.replace(/[\\:]/g, '\\$&')

function mountUnionfs(kind: Kind, root: string, union: UnionPaths, options: StackOptions): void {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is not built: run make build`)
  const way = kind === 'unionfs-fuse-native' ? '--transport=fuse-native' : kind === 'unionfs-passthrough' ? '--io=passthrough' : '--io=cached'
  const args = ['mount', union.lowers.map(escapeLayer).join(':')]
  if (options.readOnly !== true) args.push(union.upper)
  args.push(root, way)
  if (options.readOnly !== true) args.push('--workdir', union.work)
  const log = process.env['UNIONFS_TEST_LOG']
  if (log !== undefined) args.push('--log', log, '--log-level', 'debug')
  args.push(...(options.unionfsArgs ?? []))
  const index = kind === 'unionfs-sealed' ? sealLowers(union) : (process.env['UNIONFS_INDEX'] ?? 'none')
  args.push('--index', index)
  if (options.openFiles === undefined) run(COMMAND, args)
  else run('sh', ['-c', `ulimit -n ${options.openFiles}; exec "$@"`, 'sh', COMMAND, ...args])
  if (kind === 'unionfs-sealed') awaitRecords(root)
}

// The index lies beside the upper's parent, out of every layer.
function sealLowers(union: UnionPaths): string {
  const index = join(dirname(dirname(union.upper)), 'index')
  for (let i = 0; i < union.lowers.length; i += 100) run(COMMAND, ['seal', ...union.lowers.slice(i, i + 100), '--index', index])
  return index
}

// The records come after the mount: a case on sealed layers begins when they are there.
function awaitRecords(root: string): void {
  for (let tries = 0; tries < 200; tries++) {
    const { mounts } = JSON.parse(run(COMMAND, ['status', root, '--json'])) as { mounts: { index: { state: string } }[] }
    if (mounts[0]?.index.state === 'ready') return
    if (mounts[0]?.index.state !== 'loading') break
  }
  throw new Error(`${root}: no records were loaded`)
}

// Leaves the work directory to the next mount. Unionfs is unmounted by its own command, which waits for its daemon.
export function unmountStack(kind: Kind, root: string): void {
  if (kind === 'overlay') run('umount', [root])
  else if (kind !== 'plain') run(COMMAND, ['umount', root])
}

// A stack that can't be unmounted in the ordinary way is taken away all the same, and the failure is passed on.
export function removeStack(stack: Stack, base: string): void {
  try {
    stack.unmount()
  } finally {
    clearAway(base)
  }
}

function clearAway(base: string): void {
  for (const at of mountsBelow(base)) run('umount', ['-l', at])
  rmSync(base, { recursive: true, force: true })
}

function mountsBelow(base: string): string[] {
  const table = run('cat', ['/proc/self/mounts']).split('\n').map((row) => row.split(' ')[1] ?? '')
  return table.filter((at) => at.startsWith(base + '/')).reverse()
}
