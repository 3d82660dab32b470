// mount-table - the kernel's list of mounts (/proc/self/mountinfo). Reading it asks no filesystem, so dead mounts are harmless.
import { readFileSync } from 'node:fs'

// Of our own mounts, as the kernel shows it.
export const mountType = 'fuse.unionfs'
// And of those we make under another program's name, whose own mounts have it, too.
export const standInType = 'fuse.fuse-overlayfs'

export function mayBeOurs(type: string): boolean {
  return type === mountType || type === standInType
}

export interface MountEntry {
  readonly id: number
  readonly parent: number
  readonly device: string // "0:57"
  readonly root: string // the directory of the filesystem that is mounted
  readonly mountpoint: string
  readonly readOnly: boolean // of the mount or of its filesystem
  readonly idmapped: boolean
  readonly type: string
  readonly source: string
  readonly writes?: readonly string[] // of kernel overlayfs: its upper and work directory, as they were given
}

export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    const fields = line.split(' ')
    const dash = fields.indexOf('-', 6)
    const [id, parent, device, root, mountpoint, options] = fields
    if (dash < 0 || id === undefined || parent === undefined || device === undefined || root === undefined || mountpoint === undefined) continue
    const superOptions = fields[dash + 3] ?? ''
    entries.push({
      id: Number(id),
      parent: Number(parent),
      device,
      root: unescapeField(root),
      mountpoint: unescapeField(mountpoint),
      readOnly: hasOption(options, 'ro') || hasOption(superOptions, 'ro'),
      idmapped: hasOption(options, 'idmapped'),
      type: fields[dash + 1] ?? '',
      source: unescapeField(fields[dash + 2] ?? ''),
      ...(fields[dash + 1] === 'overlay' ? { writes: overlayWrites(superOptions) } : {}),
    })
  }
  return entries
}

// Of this process' mount namespace, or of another's.
export function readMountTable(pid: number | 'self' = 'self'): MountEntry[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
}

// The mount that is seen at `mountpoint`: of several stacked there, the last. The list is in mount order except for
// moved mounts, so among equals the one that is nobody's parent at the same place is the top.
export function topMountAt(table: readonly MountEntry[], mountpoint: string): MountEntry | undefined {
  const here = table.filter((entry) => entry.mountpoint === mountpoint)
  return here.find((entry) => !here.some((other) => other !== entry && other.parent === entry.id)) ?? here.at(-1)
}

// The kernel writes space, tab, newline and backslash as three octal digits; everything else is bytes of the name.
function unescapeField(field: string): string {
  if (!field.includes('\\')) return field
  const bytes = Buffer.from(field, 'utf8')
    .toString('latin1')
    .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

// Linux: fs/overlayfs/params.c:ovl_show_options().
function overlayWrites(superOptions: string): string[] {
  return superOptions
    .split(',')
    .filter((option) => /^(upper|work)dir=/.test(option))
    .map((option) => unescapeField(option.slice(option.indexOf('=') + 1)))
}

function hasOption(list: string | undefined, option: string): boolean {
  return list !== undefined && list.split(',').includes(option)
}
