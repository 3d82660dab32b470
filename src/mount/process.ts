// process - other processes as /proc shows them: whether one is still the one we knew, and who uses a mount.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readMountTable, type MountEntry } from '../stack/mount-table.js'

export interface ProcessUse {
  readonly pid: number
  readonly name: string
}

// Clock ticks after boot; together with the pid it names a process for ever. Undefined: there is no such process. One
// whose first thread has ended still holds its files while others are on their way out.
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses; the state is field 3, the start time field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const firstHasEnded = fields[0] === 'Z' || fields[0] === 'X'
    return firstHasEnded && readdirSync(`/proc/${pid}/task`).length <= 1 ? undefined : fields[19]
  } catch {
    return undefined
  }
}

// Stopped by a signal (SIGSTOP): it does nothing until it is continued. Under a tracer it stops for moments (state t), at
// every system call if that is asked for.
export function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.startsWith('T', stat.lastIndexOf(')') + 2)
  } catch {
    return false // there is no such process
  }
}

export function namespaceOf(kind: 'pid' | 'mnt', pid: number | 'self' = 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`)
}

// A mount namespace as one of its processes shows it.
export interface NamespaceView extends ProcessUse {
  readonly namespace: string
  readonly table: readonly MountEntry[]
}

// The mount namespaces other than ours, as far as they can be seen: root sees all of its pid namespace, others those of
// their own processes.
export function otherMountNamespaces(): NamespaceView[] {
  const seen = new Set([namespaceOf('mnt')])
  const views: NamespaceView[] = []
  for (const pid of processIds()) {
    try {
      const namespace = namespaceOf('mnt', pid)
      if (seen.has(namespace)) continue
      views.push({ pid, name: nameOf(pid), namespace, table: readMountTable(pid) })
      seen.add(namespace)
    } catch {
      // ended meanwhile, or not ours to see
    }
  }
  return views
}

function processIds(): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => Number.isInteger(pid) && pid !== process.pid)
}

// Processes with a working directory, root, program or open file below `mountpoint`. The kernel prints these paths
// without asking the filesystem. Processes of others stay unseen unless we are root.
export function usersOf(mountpoint: string, limit: number): ProcessUse[] {
  const found: ProcessUse[] = []
  for (const pid of processIds()) {
    if (found.length >= limit) break
    if (linksOf(pid).some((path) => path === mountpoint || path.startsWith(`${mountpoint}/`))) found.push({ pid, name: nameOf(pid) })
  }
  return found
}

function linksOf(pid: number): string[] {
  const names = ['cwd', 'root', 'exe']
  try {
    names.push(...readdirSync(`/proc/${pid}/fd`).map((fd) => `fd/${fd}`))
  } catch {
    // not ours to see, or gone
  }
  const targets: string[] = []
  for (const name of names) {
    try {
      targets.push(readlinkSync(`/proc/${pid}/${name}`))
    } catch {
      // closed meanwhile, or not ours to see
    }
  }
  return targets
}

export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '?'
  }
}
