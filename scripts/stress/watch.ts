// watch - what a daemon holds of the machine: memory, descriptors, threads.
import { readFileSync, readdirSync } from 'node:fs'

export interface Usage {
  readonly rssKb: number
  /** Memory that belongs to these processes alone, plus their share of what they share with others. */
  readonly pssKb: number
  readonly descriptors: number
  readonly threads: number
  /** Of these the ones that answer requests; the others belong to the runtime, which starts them when it likes. */
  readonly servingThreads: number
}

/** The sum over the processes; throws when one of them is gone. */
export function usageOf(pids: readonly number[]): Usage {
  const usages = pids.map(usageOfProcess)
  const sum = (pick: (usage: Usage) => number): number => usages.reduce((total, usage) => total + pick(usage), 0)
  return {
    rssKb: sum((usage) => usage.rssKb),
    pssKb: sum((usage) => usage.pssKb),
    descriptors: sum((usage) => usage.descriptors),
    threads: sum((usage) => usage.threads),
    servingThreads: sum((usage) => usage.servingThreads),
  }
}

export function showUsage(usage: Usage): string {
  const mb = (kb: number): string => `${(kb / 1024).toFixed(1)} MB`
  return `RSS ${mb(usage.rssKb)}, PSS ${mb(usage.pssKb)}, ${usage.descriptors} descriptors, ${usage.threads} threads (${usage.servingThreads} serving)`
}

function usageOfProcess(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return {
    rssKb: field(rollup, 'Rss'),
    pssKb: field(rollup, 'Pss'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field(status, 'Threads'),
    servingThreads: threadNames(pid).filter((name) => /^unionfs-\d+$/.test(name)).length,
  }
}

function threadNames(pid: number): string[] {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).flatMap((thread) => {
    try {
      return [readFileSync(`${tasks}/${thread}/comm`, 'utf8').trim()]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return []
      throw error
    }
  })
}

function field(text: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]
  if (value === undefined) throw new Error(`no field ${name} in /proc`)
  return Number(value)
}
