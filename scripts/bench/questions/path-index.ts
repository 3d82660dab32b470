// path-index - what the path index itself costs: building it, its size on disk and in memory, and a mount beside a large one.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { StepError } from '../command.js'
import type { Question } from '../question.js'
import type { Run } from '../run.js'
import { unionfsCommand } from '../subjects.js'
import { walkTree } from './shared.js'

export const pathIndex: Question = {
  id: 'path-index',
  group: 'depth',
  title: 'the path index itself',
  weight: 8,
  rows: () => [
    { id: 'build', label: 'index build of a tree, to find -printf', unit: 'factor' },
    { id: 'seal', label: 'seal of a tree of empty files, to find -printf', unit: 'factor' },
    { id: 'disk', label: 'index on disk, bytes per file', unit: 'factor' },
    { id: 'memory', label: 'records in memory, bytes per file', unit: 'factor' },
    { id: 'ready', label: 'mount-to-ready beside an index of the walked tree, to without', unit: 'factor' },
  ],
  notFor: ({ id }) => (id === 'unionfs-indexed' ? undefined : 'it has no path index'),
  prepare({ sizes, materials }) {
    const lower = walkTree(sizes, materials)
    const small = materials.tree('index-small', 'question', { dirs: 1, files: 10, bytes: 0 })
    return (run) => {
      const index = join(run.scratch, 'index')
      const find = ['find', lower, '-printf', '%p %y %m %U %G %s %T@ %C@ %l\\n']
      run.step('build', () => {
        const found = run.command(find)
        return run.command([unionfsCommand, 'index', 'build', lower, '--index', index]) / found
      })
      run.step('seal', () => {
        const found = run.command(find)
        return run.command([unionfsCommand, 'seal', lower, '--index', index]) / found
      })
      run.step('disk', () => onlyLayer(index).bytes / sizes.walkFiles)
      run.step('memory', () => recordBytes(run, lower, index) / sizes.walkFiles)
      run.step('ready', () => readySeconds(run, small, index) / readySeconds(run, small, 'none'))
    }
  },
}

function json(args: readonly string[]): unknown {
  const { stdout, status, stderr } = spawnSync(unionfsCommand, args, { encoding: 'utf8', timeout: 20_000 })
  if (status !== 0) throw new StepError(stderr)
  return JSON.parse(stdout)
}

function onlyLayer(index: string): { bytes: number } {
  json(['index', 'gc', '--json', '--index', index]) // compacts: what was written last is on disk then, and counted
  const { bytes } = json(['index', 'status', '--json', '--index', index]) as { bytes: number }
  return { bytes }
}

// A read-only mount of its own beside the site of the subject.
function withMount<T>(run: Run, lower: string, index: string, use: (at: string) => T): T {
  const at = join(run.scratch, 'mnt')
  run.command(['mkdir', '-p', at])
  run.command([unionfsCommand, 'mount', lower, at, '--index', index])
  try {
    return use(at)
  } finally {
    run.command([unionfsCommand, 'umount', at])
    rmSync(at, { recursive: true })
  }
}

interface Figures {
  readonly mounts: readonly { readonly index: { readonly state: string; readonly records: { readonly bytes: number } }; readonly overlay: { readonly listingBytes: number } }[]
}

// Records and the listings that were merged from them.
function recordBytes(run: Run, lower: string, index: string): number {
  return withMount(run, lower, index, (at) => {
    for (let tries = 0; tries < 500; tries++) {
      const [mount] = (json(['status', at, '--json']) as Figures).mounts
      if (mount?.index.state === 'ready') break
    }
    const [mount] = (json(['status', at, '--json']) as Figures).mounts
    if (mount === undefined) throw new StepError('the mount is gone')
    return mount.index.records.bytes
  })
}

function readySeconds(run: Run, lower: string, index: string): number {
  const at = join(run.scratch, 'ready')
  run.command(['mkdir', '-p', at])
  const times = Array.from({ length: 3 }, () => {
    const seconds = run.command([unionfsCommand, 'mount', lower, at, '--index', index])
    run.command([unionfsCommand, 'umount', at])
    return seconds
  }).sort((a, b) => a - b)
  return times[1] ?? NaN
}
