// materials - the lower layers questions work on: made once, shared by all subjects, never changed by any.
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { client, type ClientOptions } from './client.js'

const kMakeTimeoutMs = 300_000

/** question: gone after the question that asked for it. run: kept for other questions. */
export type Lifetime = 'question' | 'run'

export interface TreeShape {
  readonly dirs: number
  readonly files: number
  readonly bytes: number
}

export class Materials {
  private readonly root_: string
  private readonly kept_ = new Map<string, Lifetime>()

  constructor(root: string) {
    this.root_ = root
    mkdirSync(root, { recursive: true })
  }

  /** The directory of this name, filled by `make` at the first call. A half-made one never gets the name. */
  make(name: string, lifetime: Lifetime, make: (dir: string) => void): string {
    const dir = join(this.root_, name)
    if (this.kept_.has(name)) return dir
    const partial = `${dir}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial)
    make(partial)
    renameSync(partial, dir)
    this.kept_.set(name, lifetime)
    return dir
  }

  tree(name: string, lifetime: Lifetime, shape: TreeShape): string {
    return this.make(name, lifetime, (dir) => makeTree(dir, shape))
  }

  /** `count` layers, top first, over which the files of one tree are spread; every layer has every directory. */
  layeredTree(name: string, count: number, shape: TreeShape): string[] {
    const dir = this.make(name, 'question', (parent) => {
      for (let layer = 0; layer < count; ++layer) makeTree(join(parent, String(layer)), shape, { layers: count, layer })
    })
    return Array.from({ length: count }, (_, layer) => join(dir, String(layer)))
  }

  file(name: string, lifetime: Lifetime, mebibytes: number): string {
    return this.make(name, lifetime, (dir) => void client('make-file', [join(dir, 'file')], { bytes: mebibytes * 1024 * 1024 }, kMakeTimeoutMs))
  }

  endQuestion(): void {
    for (const [name, lifetime] of this.kept_) {
      if (lifetime === 'run') continue
      rmSync(join(this.root_, name), { recursive: true })
      this.kept_.delete(name)
    }
  }
}

export function makeTree(dir: string, shape: TreeShape, layer: ClientOptions = {}): void {
  client('make-tree', [dir], { dirs: shape.dirs, files: shape.files, size: shape.bytes, ...layer }, kMakeTimeoutMs)
}

export function makeFlat(dir: string, files: number, layer: ClientOptions = {}): void {
  client('make-flat', [dir], { files, size: 0, ...layer }, kMakeTimeoutMs)
}
