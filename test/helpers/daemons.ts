// daemons - the processes that serve a FUSE mount in this pid namespace, and what they use.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

function descriptors(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return '' // closed meanwhile
      }
    })
  } catch {
    return [] // the process ended meanwhile
  }
}

export interface Usage {
  processes: number
  residentBytes: number
  descriptors: number
  cpuMs: number
}

const TICK_MS = 10

// All zeros for subjects without a daemon.
export function daemonUsage(): Usage {
  const usage: Usage = { processes: 0, residentBytes: 0, descriptors: 0, cpuMs: 0 }
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const open = descriptors(pid)
    if (!open.includes('/dev/fuse')) continue
    usage.processes++
    usage.descriptors += open.length
    usage.residentBytes += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
    usage.cpuMs += (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }
  return usage
}
