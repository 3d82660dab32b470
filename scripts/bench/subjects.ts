// subjects - what is compared: how each is mounted, and what it cannot do. Adding one is one row here.
//
// Peers are mounted with the options their manuals recommend for this use and otherwise their defaults.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { execute, hasProgram, sleepMs, StepError } from './command.js'

export const subjectIds = ['plain', 'overlay', 'unionfs-cached', 'unionfs-passthrough', 'unionfs-indexed', 'unionfs-fuse-native', 'fuse-overlayfs', 'unionfs-fuse', 'mergerfs'] as const
export type SubjectId = (typeof subjectIds)[number]

/** plain: no union at all. peer: a FUSE union with copy-on-write, what targets compare with. other: shown only. */
export type SubjectKind = 'plain' | 'kernel' | 'ours' | 'peer' | 'other'

export interface Place {
  /** Top first. */
  readonly lowers: readonly string[]
  readonly upper: string
  readonly work: string
  readonly mountpoint: string
}

export interface MountCommand {
  readonly argv: readonly string[]
  readonly cwd?: string
}

export interface Subject {
  readonly id: SubjectId
  readonly kind: SubjectKind
  readonly colour: string
  /** Why it cannot run on this machine; undefined where it can. */
  missing(): string | undefined
  version(): string
  /** undefined: nothing is mounted. A string: why this stack cannot be mounted. */
  mountCommand(place: Place): MountCommand | string | undefined
  /** What is done to the layers before they are first mounted; not measured. */
  prepare?(place: Place): void
  /** Waits until a fresh mount is in the state it is to be measured in; not measured. */
  settle?(place: Place): void
}

export const unionfsCommand = process.env['UNIONFS_COMMAND'] ?? join(import.meta.dirname, '..', '..', 'bin', 'unionfs')

// mount(2) takes one page of options; some of it is other options.
const kMaxLowerdirOption = 3600

const kPlain: Subject = {
  id: 'plain',
  kind: 'plain',
  colour: '#7f7f7f',
  missing: () => undefined,
  version: () => 'a directory',
  mountCommand: () => undefined,
}

const kOverlay: Subject = {
  id: 'overlay',
  kind: 'kernel',
  colour: '#000000',
  missing: () => undefined,
  version: () => `Linux ${release()}`,
  mountCommand: overlayCommand,
}

export const subjects: readonly Subject[] = [
  kPlain,
  kOverlay,
  ours('cached', 'ours', '#d62728'),
  ours('passthrough', 'ours', '#ff9f0e'),
  { ...ours('cached', 'ours', '#9467bd', indexOf), id: 'unionfs-indexed', prepare: sealLayers, settle: awaitRecords },
  // The same engine behind the npm package: what a path API and a JavaScript callback for each request cost.
  ours('fuse-native', 'other', '#8c564b'),
  {
    ...packaged('fuse-overlayfs', 'peer', '#1f77b4'),
    mountCommand: ({ lowers, upper, work, mountpoint }) => ({
      argv: ['fuse-overlayfs', '-o', `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`, mountpoint],
    }),
  },
  {
    ...packaged('unionfs-fuse', 'peer', '#2ca02c'),
    mountCommand: ({ lowers, upper, mountpoint }) => ({
      argv: ['unionfs-fuse', '-o', 'cow,allow_other,use_ino,suid,dev', [`${upper}=RW`, ...lowers.map((l) => `${l}=RO`)].join(':'), mountpoint],
    }),
  },
  {
    ...packaged('mergerfs', 'other', '#9467bd'),
    mountCommand: ({ lowers, upper, mountpoint }) => ({
      argv: ['mergerfs', '-o', 'allow_other,cache.files=auto-full,category.create=ff', [`${upper}=RW`, ...lowers.map((l) => `${l}=RO`)].join(':'), mountpoint],
    }),
  },
]

export function subjectOf(id: SubjectId): Subject {
  const found = subjects.find((subject) => subject.id === id)
  if (found === undefined) throw new Error(`no subject ${id}`)
  return found
}

/** Where the path index of a stack lies: beside its layers. */
export function indexOf(place: Pick<Place, 'lowers'>): string {
  return join(dirname(place.lowers[0] ?? '/'), '.index')
}

// Layers are made anew under the same names for each question: a stack is sealed when its seals are not there.
function sealLayers(place: Place): void {
  const index = indexOf(place)
  const known = spawnSync(unionfsCommand, ['index', 'status', '--json', '--index', index], { encoding: 'utf8' })
  const { layers } = JSON.parse(known.stdout) as { layers: { state: string; entry: { path: string; seal?: object } }[] }
  const sealed = new Set(layers.filter(({ state, entry }) => state === 'there' && entry.seal !== undefined).map(({ entry }) => entry.path))
  const missing = place.lowers.filter((lower) => !sealed.has(lower))
  for (let i = 0; i < missing.length; i += 100) execute(unionfsCommand, ['seal', ...missing.slice(i, i + 100), '--index', index])
}

const kPatienceMs = 20_000

function awaitRecords({ mountpoint }: Place): void {
  for (const end = Date.now() + kPatienceMs; Date.now() < end; ) {
    const { mounts } = JSON.parse(spawnSync(unionfsCommand, ['status', mountpoint, '--json'], { encoding: 'utf8' }).stdout) as { mounts: { index: { state: string } }[] }
    if (mounts[0]?.index.state !== 'loading') return
    sleepMs(10)
  }
  throw new StepError('the records were not loaded in time')
}

// Without an index unless one is given: a mount must not profit from another's.
function ours(way: 'cached' | 'passthrough' | 'fuse-native', kind: SubjectKind, colour: string, index?: (place: Place) => string): Subject {
  const chosen = way === 'fuse-native' ? '--transport=fuse-native' : `--io=${way}`
  return {
    id: `unionfs-${way}`,
    kind,
    colour,
    missing: () => (existsSync(unionfsCommand) ? undefined : `${unionfsCommand} is not built`),
    version: () => versionLine([unionfsCommand, '--version'], 'unionfs'),
    mountCommand: ({ lowers, upper, work, mountpoint }) => ({
      argv: [unionfsCommand, 'mount', lowers.join(':'), upper, mountpoint, '--workdir', work, chosen, '--index', index?.({ lowers, upper, work, mountpoint }) ?? 'none'],
    }),
  }
}

function packaged(id: 'fuse-overlayfs' | 'unionfs-fuse' | 'mergerfs', kind: SubjectKind, colour: string): Omit<Subject, 'mountCommand'> {
  return {
    id,
    kind,
    colour,
    missing: () => (hasProgram(id) ? undefined : `${id} is not installed`),
    version: () => versionLine([id, id === 'unionfs-fuse' ? '-V' : '--version'], id),
  }
}

// Long lists are given as names relative to the directory that holds all layers, so that they fit mount(2)'s page.
function overlayCommand({ lowers, upper, work, mountpoint }: Place): MountCommand | string {
  const parent = dirname(lowers[0] ?? '/')
  const absolute = lowers.join(':')
  const relative = lowers.map((lower) => basename(lower)).join(':')
  const fits = absolute.length <= kMaxLowerdirOption
  if (!fits && (relative.length > kMaxLowerdirOption || lowers.some((lower) => dirname(lower) !== parent))) {
    return `${lowers.length} lowers do not fit the option page of mount(2)`
  }
  // -i -n: no helper program and no /etc/mtab, so that what is timed is the mount.
  const options = `lowerdir=${fits ? absolute : relative},upperdir=${upper},workdir=${work}`
  return { argv: ['mount', '-i', '-n', '-t', 'overlay', 'overlay', '-o', options, mountpoint], cwd: parent }
}

// FUSE programs print the versions of their libraries too, in varying order.
function versionLine(command: readonly string[], name: string): string {
  const [program = '', ...args] = command
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  const lines = `${result.stdout}${result.stderr}`.split('\n')
  return lines.find((line) => line.startsWith(name)) ?? 'unknown version'
}
