// shared - layers that several questions ask about; each is made once in a run.
import type { Materials } from '../materials.js'
import type { Sizes } from '../sizes.js'

/** Many empty files: only names and metadata matter. */
export function walkTree(sizes: Sizes, materials: Materials): string {
  return materials.tree('walk', 'run', { dirs: sizes.walkDirs, files: sizes.walkFiles, bytes: 0 })
}

export function smallTree(sizes: Sizes, materials: Materials): string {
  return materials.tree('small', 'run', { dirs: sizes.smallDirs, files: sizes.smallFiles, bytes: sizes.smallBytes })
}

export function smallShape(sizes: Sizes): { dirs: number; files: number } {
  return { dirs: sizes.smallDirs, files: sizes.smallFiles }
}
