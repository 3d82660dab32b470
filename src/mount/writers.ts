// writers - the live unions that write to a directory: what they write to must not be vouched for, and what they show is no layer.
import { shellWord } from '../words.js'
import { UnionfsError } from '../errors.js'
import { Inspector, isWithin, relate, type DirectoryFacts } from '../stack/layer.js'
import { readMountTable } from '../stack/mount-table.js'
import { lockedDirectories } from './lock-holder.js'
import { listMounts, type MountRecord } from './registry.js'

// sealed: nothing may write to it. recorded: it must be a layer, and may change.
export async function requireStill(layers: readonly string[], purpose: 'sealed' | 'recorded'): Promise<void> {
  const live = await listMounts()
  const inspector = new Inspector(readMountTable())
  const locked = purpose === 'sealed' ? lockedDirectories() : []
  for (const path of layers) {
    const union = live.find((mount) => isWithin(path, mount.mountpoint))
    if (union !== undefined) throw busy(path, `lies in the union mounted at ${union.mountpoint}`, `${purpose === 'sealed' ? 'seal' : 'record'} its layers`)
    if (purpose === 'recorded') continue
    const found = inspector.inspect(path)
    if (!('facts' in found)) continue // told by whoever walks it
    for (const mount of live) {
      const role = roleIn(mount, found.facts, inspector)
      if (role !== undefined) throw busy(path, `${role} of the union mounted at ${mount.mountpoint}`, `unmount that first: unionfs umount ${shellWord(mount.mountpoint)}`)
    }
    const holder = locked.find((lock) => isWithin(lock.path, path) || isWithin(path, lock.path))
    if (holder !== undefined) throw busy(path, `holds ${holder.path}, which ${holder.name} (pid ${holder.pid}) has locked to write to it`, 'end that first')
  }
}

function busy(path: string, reason: string, remedy: string): UnionfsError {
  return new UnionfsError('BUSY', `${path} ${reason}`, { path, remedy })
}

// "is the upper", "contains the work directory", "lies in the upper"
function roleIn(mount: MountRecord, layer: DirectoryFacts, inspector: Inspector): string | undefined {
  const written = [
    ['the upper', mount.upper, mount.upperIdentity],
    ['the work directory', mount.workdir, mount.workdirIdentity],
  ] as const
  for (const [name, path, identity] of written) {
    if (path === undefined) continue
    const found = inspector.inspect(path)
    // What is at the path now may be something else: the union itself, mounted over its layers.
    const isItself = 'facts' in found && found.facts.identity === identity
    const relation = layer.identity === identity ? 'same' : isItself ? relate(layer, found.facts) : byPath(layer.path, path)
    if (relation !== 'apart') return `${{ same: 'is', inside: 'lies in', around: 'contains' }[relation]} ${name}`
  }
  return undefined
}

function byPath(layer: string, written: string): 'inside' | 'around' | 'apart' {
  if (isWithin(written, layer)) return 'around'
  return isWithin(layer, written) ? 'inside' : 'apart'
}
