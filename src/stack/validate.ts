// validate - everything that is wrong with a mount that was asked for, all of it at once, each with what to do.
//
// Nothing is changed here but a scratch directory that the given probe makes and removes in the work directory's
// filesystem. The engine checks again what matters when it opens the layers: this is for the person, that for safety.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem } from '../errors.js'
import { shellWord } from '../words.js'
import { escapedWithoutNeed, splitByColon } from './colons.js'
import { kernelIsAtLeast } from './kernel.js'
import { canAccess, Inspector, relate, type DirectoryFacts, type Relation } from './layer.js'
import { mayBeOurs, readMountTable, topMountAt, type MountEntry } from './mount-table.js'
import { readPrivilege } from './privilege.js'
import { howToNameWorkdir, type StackDefinition } from './stack.js'

// What a filesystem can carry; null: it works, else the errno's name. The engine's probe gives it.
export interface CarryProbe {
  readonly writable: string | null
  readonly xattrUser?: string | null
  readonly xattrTrusted?: string | null
  readonly symlink?: string | null
  readonly hardlink?: string | null
  readonly whiteoutDevice?: string | null
  readonly renameWhiteout?: string | null
  readonly renameExchange?: string | null
  readonly whiteoutFile?: string | null
}

// A union that is mounted now, as far as another may meet its layers.
export interface LiveStack {
  readonly mountpoint: string
  readonly lowers: readonly string[]
  readonly upperIdentity?: string
  readonly workdirIdentity?: string
}

export interface ValidationTools {
  readonly probe: (path: string) => CarryProbe
  readonly table?: readonly MountEntry[]
  readonly live?: readonly LiveStack[]
  readonly canClone?: boolean // may take private clones of lower mounts (CAP_SYS_ADMIN over the mount namespace)
}

interface Named {
  readonly label: string // "lower 2", "upper", "work directory"
  readonly path: string
  readonly facts: DirectoryFacts
}

// What to do about a directory that does not exist; with a reason of its own where creating it would not help.
type Missing = string | readonly [reason: string, remedy: string]

// What the work directory may hold besides nothing: the name the engine makes and sweeps, and one of kernel overlayfs.
const ownWorkEntries = new Set(['work', 'index'])

export function validateStack(stack: StackDefinition, tools: ValidationTools): Problem[] {
  return new Validation(stack, tools).run()
}

class Validation {
  readonly #problems: Problem[] = []
  readonly #table: readonly MountEntry[]
  readonly #inspector: Inspector

  constructor(
    private readonly stack: StackDefinition,
    private readonly tools: ValidationTools,
  ) {
    this.#table = tools.table ?? readMountTable()
    this.#inspector = new Inspector(this.#table)
  }

  run(): Problem[] {
    const lowers = this.stack.lowers.map((path, i) => this.#lower(path, i)).filter((lower) => lower !== undefined)
    const upper = this.stack.upper === undefined ? undefined : this.#upper(this.stack.upper, lowers)
    const work = this.stack.workdir === undefined ? undefined : this.#workdir(this.stack.workdir, upper)
    this.#duplicates(lowers)
    for (const lower of lowers) {
      if (upper !== undefined) this.#overlap(upper, lower)
      if (work !== undefined) this.#overlap(work, lower)
    }
    this.#live(lowers, upper)
    for (const writable of [upper, work]) if (writable !== undefined) this.#kernelOverlay(writable)
    this.#mountpoint(lowers, upper, work)
    return this.#problems
  }

  #add(severity: Problem['severity'], subject: string, reason: string, remedy: string): void {
    this.#problems.push({ severity, subject, reason, remedy })
  }

  // Undefined, with the problem told, when the directory cannot be looked at.
  #directory(label: string, path: string, missing: Missing): Named | undefined {
    const inspection = this.#inspector.inspect(path)
    if ('facts' in inspection) return { label: `${label} (${path})`, path, facts: inspection.facts }
    const [reason, remedy] = this.#explainMissing(path, inspection.error, missing)
    this.#add('error', `${label} (${path})`, reason, remedy)
    return undefined
  }

  #explainMissing(path: string, errno: string, missing: Missing): readonly [reason: string, remedy: string] {
    if (errno !== 'ENOTCONN') return explainMissing(errno, missing)
    const mounts = this.#table.filter((entry) => `${path}/`.startsWith(`${entry.mountpoint}/`)).sort((a, b) => b.mountpoint.length - a.mountpoint.length)
    return ['lies on a dead FUSE mount (ENOTCONN)', `unmount that first: umount -l ${shellWord(mounts[0]?.mountpoint ?? path)}`]
  }

  // Of a directory that is missing: how to create it, or why that would not help.
  #howToMake(path: string, outside: readonly Named[]): Missing {
    const above = this.#nearest(dirname(path))
    if (above === undefined) return `create it: mkdir -p ${shellWord(path)}`
    const around = outside.find((each) => ['same', 'inside'].includes(relate(above, each.facts)))
    if (around !== undefined) return [`does not exist, and would lie inside ${around.label}`, 'name a directory outside of it']
    const denied = canAccess(above.path, 'write')
    if (denied !== undefined) return [`does not exist, and ${above.path} cannot be written (${denied})`, denied === 'EROFS' ? 'name one on a writable filesystem' : 'name another one, or have root create it']
    return `create it: mkdir ${above.path === dirname(path) ? '' : '-p '}${shellWord(path)}`
  }

  // The directory itself, or the first above it that is there.
  #nearest(path: string): DirectoryFacts | undefined {
    const inspection = this.#inspector.inspect(path)
    if ('facts' in inspection) return inspection.facts
    return inspection.error === 'ENOENT' && path !== '/' ? this.#nearest(dirname(path)) : undefined
  }

  #lower(path: string, index: number): Named | undefined {
    const label = this.stack.lowers.length === 1 ? 'lower' : `lower ${index + 1}`
    const split = splitByColon(this.stack.given, index)
    const remedy = split === undefined ? 'create it or correct the path' : `a colon separates layers: the directory ${split.path} is written ${shellWord(split.written)}`
    const lower = this.#directory(label, path, remedy)
    if (lower === undefined) return undefined
    const denied = canAccess(path, 'read')
    if (denied !== undefined) this.#add('error', lower.label, `cannot be read (${denied})`, 'give yourself read and search permission, or mount as root')
    return lower
  }

  #plainRemedy(name: string, given: string | undefined): string | undefined {
    const plain = escapedWithoutNeed(this.stack.given.cwd, given)
    return plain === undefined ? undefined : `${name} is taken as it is, only LOWER needs backslashes: write ${shellWord(plain)}`
  }

  #upper(path: string, lowers: readonly Named[]): Named | undefined {
    const upper = this.#directory('upper', path, this.#plainRemedy('UPPER', this.stack.given.upper) ?? this.#howToMake(path, lowers))
    if (upper === undefined) return undefined
    const denied = canAccess(path, 'write')
    if (denied === 'EROFS') {
      this.#add('error', upper.label, 'lies on a read-only filesystem', 'choose a directory on a writable one, or leave UPPER out for a read-only mount')
    } else if (denied !== undefined) {
      this.#add('error', upper.label, `cannot be written (${denied})`, 'choose a directory you own, or mount as root')
    }
    return upper
  }

  #workdir(path: string, upper: Named | undefined): Named | undefined {
    const label = `work directory (${path})`
    const inspection = this.#inspector.inspect(path)
    const missing = 'error' in inspection && inspection.error === 'ENOENT'
    const place = missing ? dirname(path) : path
    const found = missing ? this.#inspector.inspect(place) : inspection
    if (!('facts' in found)) {
      // Whoever creates the upper creates that, too.
      if (upper === undefined && !this.stack.workdirGiven && found.error === 'ENOENT') return undefined
      const [reason, remedy] = this.#explainMissing(place, found.error, 'create the directory it shall lie in')
      this.#add('error', label, reason, remedy)
      return undefined
    }
    const movable = upper === undefined || this.#sameMount(label, found.facts, upper)
    const denied = canAccess(place, 'write')
    if (!movable) {
      // Whatever else is wrong with a place that cannot be used is beside the point.
      return undefined
    } else if (denied === undefined) {
      this.#carries(place, upper)
    } else if (upper === undefined || canAccess(upper.path, 'write') === undefined) {
      this.#add('error', label, `${missing ? 'cannot be created' : 'cannot be written'} (${denied})`, `name another one ${howToNameWorkdir}`)
    }
    if (missing) return this.#missingWorkdir(label, path, found.facts, upper)
    const work = { label, path, facts: found.facts }
    if (upper !== undefined) this.#workAgainstUpper(work, upper)
    this.#foreignEntries(work)
    return work
  }

  // A work directory that will be made: inside `parent`, so it overlaps what its parent lies in.
  #missingWorkdir(label: string, path: string, parent: DirectoryFacts, upper: Named | undefined): Named {
    const facts: DirectoryFacts = {
      ...parent,
      path,
      identity: `missing ${path}`,
      ancestors: new Set([...parent.ancestors, parent.identity]),
      onFilesystem: undefined,
    }
    const work = { label, path, facts }
    if (upper !== undefined) this.#workAgainstUpper(work, upper)
    return work
  }

  #workAgainstUpper(work: Named, upper: Named): void {
    const relation = relate(work.facts, upper.facts)
    if (relation === 'same') this.#add('error', work.label, 'is the upper itself', `name a directory of its own ${howToNameWorkdir}`)
    else if (relation !== 'apart') this.#add('error', work.label, `lies ${relation} the upper (${upper.path})`, rootRemedy(upper) ?? `name a directory beside the upper ${howToNameWorkdir}`)
  }

  // rename(2) between the two must work: same filesystem, and the same mount of it.
  #sameMount(label: string, work: DirectoryFacts, upper: Named): boolean {
    const remedy = rootRemedy(upper) ?? `name one ${howToNameWorkdir} that lies in the same filesystem and mount as the upper`
    if (work.device !== upper.facts.device) {
      this.#add('error', label, `is on another filesystem than the upper (${upper.path})`, remedy)
    } else if (work.mount !== undefined && upper.facts.mount !== undefined && work.mount.id !== upper.facts.mount.id) {
      this.#add('error', label, `is reached through another mount than the upper (${upper.path}), so nothing can be renamed between them`, remedy)
    } else {
      return true
    }
    return false
  }

  // The engine empties the work directory at every mount; somebody's files must not be in there.
  #foreignEntries(work: Named): void {
    if (canAccess(work.path, 'read') !== undefined) return
    const foreign = readdirSync(work.path).filter((name) => !ownWorkEntries.has(name))
    if (foreign.length === 0) return
    const shown = foreign.slice(0, 3).join(', ') + (foreign.length > 3 ? ', ...' : '')
    this.#add('error', work.label, `holds files that are not ours (${shown})`, `the work directory is emptied at mount: name an empty one ${howToNameWorkdir}`)
  }

  #carries(place: string, upper: Named | undefined): void {
    const probe = this.tools.probe(place)
    const subject = upper?.label ?? `upper (${place})`
    const type = upper?.facts.mount?.type ?? 'this'
    const elsewhere = 'put upper and work directory on a filesystem such as ext4, xfs, btrfs or tmpfs'
    if (probe.writable !== null) {
      this.#add('error', subject, `nothing can be created on its filesystem (${probe.writable})`, elsewhere)
      return
    }
    if (failed(probe.xattrUser) && failed(probe.xattrTrusted)) {
      this.#add('warning', subject, `its filesystem (${type}) has no extended attributes, so those of copied-up files are lost`, elsewhere)
    }
    const lacks: string[] = []
    if (failed(probe.symlink)) lacks.push('symbolic links')
    if (failed(probe.hardlink)) lacks.push('hard links')
    if (lacks.length > 0) this.#add('error', subject, `its filesystem (${type}) has no ${lacks.join(', no ')}`, elsewhere)
    const noWhiteout = whiteoutTrouble(probe)
    if (noWhiteout !== undefined) this.#add('error', subject, `nothing could be removed: its filesystem (${type}) takes no whiteouts (${noWhiteout})`, elsewhere)
  }

  #duplicates(lowers: readonly Named[]): void {
    const seen = new Map<string, Named>()
    for (const lower of lowers) {
      const before = seen.get(lower.facts.identity)
      if (before === undefined) seen.set(lower.facts.identity, lower)
      else this.#add('warning', lower.label, `is the same directory as ${before.label}`, 'it changes nothing and can be left out')
    }
  }

  #overlap(writable: Named, lower: Named): void {
    const relation = relate(writable.facts, lower.facts)
    if (relation === 'apart') return
    this.#add('error', writable.label, `${describeRelation(relation)} ${lower.label}`, 'layers that are written must lie outside all others: move one of the two')
  }

  // What is written through one mount and read by another shows there late, in part, or never.
  #live(lowers: readonly Named[], upper: Named | undefined): void {
    const undefinedResults = 'what changes there gives undefined results here'
    for (const live of this.tools.live ?? []) {
      for (const lower of lowers) {
        const role = writtenAs(live, lower.facts)
        if (role !== undefined) this.#add('warning', lower.label, `is ${role} of the union mounted at ${live.mountpoint}`, `${undefinedResults}: unmount that one first`)
      }
      if (upper !== undefined && live.lowers.includes(upper.facts.path)) {
        this.#add('warning', upper.label, `is a lower of the union mounted at ${live.mountpoint}`, 'what changes here gives undefined results there: unmount that one first')
      }
    }
  }

  // Both would sweep the work directory and change the upper under the other. The kernel's own check knows no others.
  #kernelOverlay({ label, facts }: Named): void {
    for (const entry of this.#table) {
      for (const path of entry.writes ?? []) {
        const written = path.startsWith('/') ? this.#inspector.inspect(path) : { error: 'ENOENT' }
        if (!('facts' in written) || relate(facts, written.facts) === 'apart') continue
        this.#add('error', label, `is used by the kernel overlayfs mounted at ${entry.mountpoint}`, `unmount that first (umount ${shellWord(entry.mountpoint)}), or choose another directory`)
        return
      }
    }
  }

  #mountpoint(lowers: readonly Named[], upper: Named | undefined, work: Named | undefined): void {
    const path = this.stack.mountpoint
    if (path === '/') {
      this.#add('error', 'mount point (/)', 'is the root directory: whoever runs now would go on with what is below the mount, and nobody could reach it', 'mount elsewhere and enter with chroot or pivot_root')
      return
    }
    const top = topMountAt(this.#table, path)
    if (top !== undefined && mayBeOurs(top.type)) {
      this.#add('error', `mount point (${path})`, 'has a union mounted on it already', `unmount it first: unionfs umount ${shellWord(path)}`)
      return
    }
    const mayClone = this.tools.canClone ?? mayCloneMounts()
    const outside = [upper, work, ...(mayClone ? [] : lowers)].filter((each) => each !== undefined)
    const point = this.#directory('mount point', path, this.#plainRemedy('MOUNTPOINT', this.stack.given.mountpoint) ?? this.#howToMake(path, outside))
    if (point === undefined) return
    for (const writable of [upper, work]) {
      if (writable === undefined) continue
      const relation = relate(point.facts, writable.facts)
      if (relation === 'same' || relation === 'inside') {
        this.#add('error', point.label, `${describeRelation(relation)} ${writable.label}`, 'mount outside of it: the mount would hide what it is made of')
      }
    }
    if (mayClone) return
    for (const lower of lowers) {
      if (relate(point.facts, lower.facts) !== 'inside') continue
      this.#add('error', point.label, `lies inside ${lower.label}, and walking that layer would walk into this mount`, 'mount elsewhere, or as root, where layers are taken as private clones')
    }
  }
}

// "the upper", "in the upper": what `live` writes to and `facts` lies in.
function writtenAs(live: LiveStack, facts: DirectoryFacts): string | undefined {
  for (const [name, identity] of [['the upper', live.upperIdentity], ['the work directory', live.workdirIdentity]] as const) {
    if (identity === undefined) continue
    if (facts.identity === identity) return name
    if (facts.ancestors.has(identity)) return `in ${name}`
  }
  return undefined
}

// Beside the root of a mount there is nothing in that mount.
function rootRemedy({ path, facts }: Named): string | undefined {
  if (facts.mount?.mountpoint !== facts.path) return undefined
  const [upper, work] = ['upper', 'work'].map((name) => shellWord(join(path, name)))
  return `the upper is the root of its mount, so all that lies beside it is elsewhere: make two directories in it (mkdir ${upper} ${work}), and mount with the UPPER ${upper} and --workdir ${work}`
}

function describeRelation(relation: Exclude<Relation, 'apart'>): string {
  return { same: 'is the same directory as', inside: 'lies inside', around: 'contains' }[relation]
}

// A whiteout is a device that is linked, exchanged and left behind by a rename, or else a file (native/layer/workdir.h).
function whiteoutTrouble(probe: CarryProbe): string | undefined {
  const devices = [probe.whiteoutDevice, probe.hardlink, probe.renameExchange, probe.renameWhiteout]
  if (!devices.some(failed) || !failed(probe.whiteoutFile)) return undefined
  return `neither devices 0:0, ${devices.find(failed) ?? ''}, nor files .wh.NAME, ${probe.whiteoutFile ?? ''}`
}

function failed(outcome: string | null | undefined): boolean {
  return outcome !== null && outcome !== undefined
}

function explainMissing(errno: string, missing: Missing): readonly [reason: string, remedy: string] {
  switch (errno) {
    case 'ENOENT':
      return typeof missing === 'string' ? ['does not exist', missing] : missing
    case 'ENOTDIR':
      return ['is not a directory', 'name a directory']
    case 'EACCES':
      return ['cannot be reached (EACCES)', 'give yourself search permission on the directories above it, or mount as root']
    case 'ELOOP':
      return ['its symbolic links go in a circle (ELOOP)', 'correct the links']
    case 'ENAMETOOLONG':
      return ['has too long a name (ENAMETOOLONG)', 'correct the path']
    default:
      return [`cannot be used (${errno})`, 'see that the filesystem it lies on is healthy']
  }
}

// With CAP_SYS_ADMIN and mount_setattr(2) lowers are taken as private clones of their mounts.
function mayCloneMounts(): boolean {
  return readPrivilege().admin && kernelIsAtLeast('5.12')
}
