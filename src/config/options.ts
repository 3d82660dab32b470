// options - the one table of commands and options. Parser, help texts and docs/CLI.md are made from it.

export type OptionType = 'flag' | 'text' | 'path' | 'integer' | 'choice'

export interface OptionRow {
  readonly name: string
  readonly short?: string
  readonly type: OptionType
  readonly metavar?: string
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  readonly negatable?: boolean // a flag that has a --no- form
  readonly default: string // as help shows it
  readonly help: string
}

export interface CommandRow {
  readonly name: string
  readonly summary: string
  readonly usage: readonly string[]
  readonly required: readonly string[] // arguments that may not be missing, in order
  readonly most: number // arguments
  readonly description: string
  readonly options: readonly OptionRow[]
}

export const ioModes = ['auto', 'cached', 'passthrough'] as const
export type IoMode = (typeof ioModes)[number]

// Where owner, mode and type are kept: in the inode, or in an xattr (docs/FORMAT.md).
export type OverrideMode = 'none' | 'privileged' | 'containers'

// Who carries requests between the kernel and the engine.
export const transportNames = ['kernel', 'fuse-native'] as const
export type TransportName = (typeof transportNames)[number]

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export const defaultThreads = 4
export const maxLowers = 500
// Memory a mount may use for records of the path index.
export const recordBytes = 128 << 20
// What the path index may take on disk before mounts stop adding to it, and what `index gc` cuts it down to.
export const defaultIndexMib = 1024

const help: OptionRow = { name: 'help', short: 'h', type: 'flag', default: '', help: 'Shows this help.' }
const json: OptionRow = { name: 'json', type: 'flag', default: 'off', help: 'Prints one JSON document instead of text.' }

const index: OptionRow = {
  name: 'index',
  type: 'path',
  metavar: 'DIR',
  default: '$UNIONFS_INDEX, else /var/cache/unionfs/index for root and ~/.cache/unionfs/index for others',
  help: 'Where the path index lies, or the word none for no index. It must belong to the user and be closed to others; where it cannot be used, a mount warns and works without.',
}

const mountOptions: readonly OptionRow[] = [
  {
    name: 'workdir',
    type: 'path',
    metavar: 'DIR',
    default: "UPPER's sibling .NAME.work",
    help: 'Where changes are staged: a directory of its own on the same filesystem and mount as UPPER. Created when missing; swept at mount. Belongs to a mount with an UPPER.',
  },
  {
    name: 'io',
    type: 'choice',
    choices: ioModes,
    default: 'auto',
    help: 'How file data travels: through the page cache and the daemon (cached), or straight to the layer (passthrough; needs CAP_SYS_ADMIN in the initial user namespace and Linux 6.9).',
  },
  {
    name: 'transport',
    type: 'choice',
    choices: transportNames,
    default: 'kernel',
    help: 'Who carries requests between the kernel and the engine: the engine itself (kernel), or the npm package fuse-native, which is slow and cannot say everything (docs/SEMANTICS.md), for tests and for JavaScript hooks.',
  },
  { name: 'foreground', short: 'f', type: 'flag', default: 'off', help: 'Serves in the foreground until the mount ends.' },
  {
    name: 'log',
    type: 'path',
    metavar: 'FILE',
    default: 'none; stderr with -f',
    help: 'Appends log lines (pino JSON) to FILE.',
  },
  { name: 'log-level', type: 'choice', choices: logLevels, default: 'info', help: 'The least severe level that is logged.' },
  {
    name: 'allow-other',
    type: 'flag',
    negatable: true,
    default: 'on for root, off else',
    help: 'Lets other users use the mount. Without root, user_allow_other must stand in /etc/fuse.conf.',
  },
  {
    name: 'volatile',
    type: 'flag',
    default: 'off',
    help: 'Ignores fsync: fast. Belongs to a mount with an UPPER. What was written may be lost when the machine crashes; the next mount then refuses the upper, as it does when only the daemon was killed.',
  },
  { name: 'dev', type: 'flag', negatable: true, default: 'on for root, off else', help: 'Device files work on the mount. Only root outside of user namespaces can have that.' },
  { name: 'suid', type: 'flag', negatable: true, default: 'on for root, off else', help: 'Set-user-id bits and file capabilities work on the mount. Ordinary users cannot have that.' },
  {
    name: 'threads',
    type: 'integer',
    metavar: 'N',
    min: 1,
    max: 64,
    default: String(defaultThreads),
    help: 'The most threads that serve requests. One serves while one is enough.',
  },
  index,
  help,
]

export const commands: readonly CommandRow[] = [
  {
    name: 'mount',
    summary: 'mounts a stack of layers',
    usage: ['unionfs mount LOWER[:LOWER...] UPPER MOUNTPOINT [options]', 'unionfs mount LOWER[:LOWER...] MOUNTPOINT [options]'],
    required: ['LOWER', 'MOUNTPOINT'],
    most: 3,
    description:
      'Stacks the LOWERs (left = top, at most 500) and puts UPPER on top of them, which takes all changes. Without UPPER the mount is ' +
      'read-only. In LOWER, and only there, a colon that belongs to a path is written \\: and a backslash \\\\; UPPER and MOUNTPOINT are ' +
      'taken as they are. Returns when the mount can be used; a daemon then serves it.',
    options: mountOptions,
  },
  {
    name: 'umount',
    summary: 'unmounts and waits until the daemon is gone',
    usage: ['unionfs umount MOUNTPOINT [--lazy]'],
    required: ['MOUNTPOINT'],
    most: 1,
    description:
      'Unmounts MOUNTPOINT, also one whose daemon has died, and waits until its daemon has ended. While programs use the mount, that fails ' +
      'and names them. While another union has it as a layer, or another mount namespace (a container) holds it, the daemon serves on for ' +
      'those; the command says so and does not wait.',
    options: [
      {
        name: 'lazy',
        short: 'l',
        type: 'flag',
        default: 'off',
        help: 'Takes the mount out of the tree at once; the daemon ends when the last user of it has gone.',
      },
      help,
    ],
  },
  {
    name: 'status',
    summary: 'shows live mounts',
    usage: ['unionfs status [MOUNTPOINT] [--json]'],
    required: [],
    most: 1,
    description:
      'Shows one line for each mount, or, of MOUNTPOINT, layers, I/O mode, operations with latencies, caches, the size of the upper, and the last warnings and errors. ' +
      'Names mounts whose daemon has died or does not answer; the exit status is then 1.',
    options: [json, help],
  },
  {
    name: 'doctor',
    summary: 'shows what this host and given paths offer',
    usage: ['unionfs doctor [PATH...] [--json]'],
    required: [],
    most: Number.POSITIVE_INFINITY,
    description: 'Tries what a mount needs: FUSE, passthrough, user namespaces, and for each PATH what a layer there could carry. Says of what is missing what it costs and what to do.',
    options: [json, help],
  },
  {
    name: 'seal',
    summary: 'vouches for a layer: it will not change any more',
    usage: ['unionfs seal DIR... [--index DIR]'],
    required: ['DIR'],
    most: Number.POSITIVE_INFINITY,
    description:
      'Reads all of each DIR, keeps what it holds with checksums in the path index, and marks it there as sealed. Mounts then answer from the index ' +
      'without touching the layer, so a sealed layer must not be changed: after a change, seal it again. DIR itself is not written. When interrupted, nothing is kept of the DIR at hand; those before it stay sealed.',
    options: [index, json, help],
  },
  {
    name: 'index',
    summary: 'builds, shows, checks and cleans the path index',
    usage: [
      'unionfs index build LAYER...',
      'unionfs index status [--json]',
      'unionfs index verify [LAYER...] [--contents]',
      'unionfs index gc [--max-size MIB]',
      'unionfs index drop [LAYER...]',
    ],
    required: ['verb (build, status, verify, gc or drop)'],
    most: Number.POSITIVE_INFINITY,
    description:
      'The path index remembers what the directories of layers hold, from one mount to the next. It is a memory: without it every answer is the same. ' +
      'build reads layers whole now instead of at their first use; verify compares layers with what is recorded, prints every difference, and exits with 1 if there is one; ' +
      'gc removes layers that are gone, then those used longest ago until the size fits. Gone is what is not at the path where it was seen last; ' +
      'so is a layer on a filesystem that is not mounted now: mount it first. drop forgets the layers (one that is gone by the path it had), or everything.',
    options: [
      index,
      { name: 'contents', type: 'flag', default: 'off', help: 'verify: reads every file of sealed layers, too, and compares checksums.' },
      {
        name: 'max-size',
        type: 'integer',
        metavar: 'MIB',
        min: 1,
        max: 1_000_000,
        default: String(defaultIndexMib),
        help: 'gc: the size in MiB the index may have.',
      },
      json,
      help,
    ],
  },
  {
    name: 'help',
    summary: 'shows help for a command',
    usage: ['unionfs help [COMMAND]'],
    required: [],
    most: 1,
    description: 'Shows the commands, or one of them.',
    options: [help],
  },
]

export function findCommand(name: string): CommandRow | undefined {
  return commands.find((command) => command.name === name)
}

// "-f, --foreground", "--io=auto|cached|passthrough", "--[no-]dev"
export function optionLabel(option: OptionRow): string {
  const long = option.negatable === true ? `--[no-]${option.name}` : `--${option.name}`
  return (option.short === undefined ? '' : `-${option.short}, `) + long + valueLabel(option)
}

// "=auto|cached|passthrough", " DIR", nothing for a flag
export function valueLabel(option: OptionRow): string {
  if (option.type === 'flag') return ''
  return option.type === 'choice' ? `=${option.choices?.join('|') ?? ''}` : ` ${option.metavar ?? 'VALUE'}`
}
