// holders - who keeps a filesystem alive that has left our mount table.
import { otherMountNamespaces } from './process.js'
import type { MountRecord } from './registry.js'
import { mayBeOurs, type MountEntry } from '../stack/mount-table.js'

const shown = 3

// In words, for a message; those that cannot be seen are left out. `live` are the mounts that go on.
export function holdersOf(entry: MountEntry, live: readonly MountRecord[], table: readonly MountEntry[]): string[] {
  const below = `${entry.mountpoint}/`
  const stacked = live.filter((record) => record.lowers.some((lower) => lower === entry.mountpoint || lower.startsWith(below)))
  const places = table.filter((each) => isSame(each, entry))
  const spaces = otherMountNamespaces().filter((view) => view.table.some((each) => isSame(each, entry)))
  const words = [
    ...stacked.filter((record) => record.device !== entry.device).map((record) => `the union at ${record.mountpoint} (a layer of it)`),
    ...places.map((each) => `its other mount at ${each.mountpoint}`),
    ...spaces.map((view) => `${view.name} (pid ${view.pid}, in a mount namespace of its own)`),
  ]
  return words.length <= shown ? words : [...words.slice(0, shown), `${words.length - shown} more`]
}

function isSame(each: MountEntry, entry: MountEntry): boolean {
  return each.device === entry.device && mayBeOurs(each.type)
}
