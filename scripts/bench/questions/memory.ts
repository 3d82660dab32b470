// memory - what the process that serves a mount holds: right after the mount, and after very many lookups, of which as
// many as the walked tree has names exist and all others do not.
import type { Question } from '../question.js'
import { walkTree } from './shared.js'

export const memory: Question = {
  id: 'memory',
  group: 'life',
  title: 'daemon memory',
  weight: 16,
  maxRounds: 1,
  rows: ({ lookups }) => [
    { id: 'idle', label: 'daemon memory (PSS), idle', unit: 'bytes' },
    { id: 'after', label: `daemon memory (PSS), ${lookups} lookups later`, unit: 'bytes' },
  ],
  notFor: ({ kind }) => (kind === 'plain' || kind === 'kernel' ? 'no process serves it' : undefined),
  prepare({ sizes, materials }) {
    const lower = walkTree(sizes, materials)
    const misses = { dirs: sizes.walkDirs, files: sizes.walkFiles, count: sizes.lookups - sizes.walkFiles, salt: 'memory' }
    return (run) => {
      const site = run.mount({ lowers: [lower], writes: false })
      run.step('idle', () => run.daemonMemory(site))
      run.step('after', () => {
        run.client('walk', [site.path])
        run.client('misses', [site.path], misses)
        return run.daemonMemory(site)
      })
    }
  },
}
