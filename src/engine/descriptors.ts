// descriptors - how many files a mount has open at least, and how many its caches may add.
import { readFileSync } from 'node:fs'
import type { Problem } from '../errors.js'

// Node, the device, the path index, `status`; caches that still serve; a thread's own, with what an operation may have
// open besides (native/overlay/lookup.cc: a quarter of the caches). Each lower's root is open.
const forTheProcess = 96
const leastCaches = 64
const mostCaches = 2048
const forEachThread = 8 + leastCaches / 4

export function descriptorsNeeded(lowers: number, threads: number): number {
  return forTheProcess + leastCaches + lowers + forEachThread * threads
}

// Of what is beyond the need, a third is for the caches, a third for operations under way, and a third is left to files
// that programs hold open.
export function descriptorBudget(lowers: number, threads: number, limit = openFilesLimit()): number {
  return Math.max(leastCaches, Math.min(mostCaches, leastCaches + Math.floor((limit - descriptorsNeeded(lowers, threads)) / 3)))
}

// With fewer, some operations would work and others fail.
export function descriptorProblem(lowers: number, threads: number, limit = openFilesLimit()): Problem | undefined {
  const needed = descriptorsNeeded(lowers, threads)
  if (limit >= needed) return undefined
  return {
    severity: 'error',
    subject: 'open files',
    reason: `at most ${limit} may be open at a time, and this mount needs ${needed}`,
    remedy: `raise the limit: ulimit -n ${needed} (beyond the hard limit only root can; of a service: LimitNOFILE=${needed})`,
  }
}

// The starter has raised it as far as it goes.
function openFilesLimit(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft ?? 1024)
}
