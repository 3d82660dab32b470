// start - random layers to begin a model run with, and the model of them.
import { mergeLayers } from '../helpers/merge.js'
import { dir, file, opaque, symlink, whiteout, nodeOf, type DirNode, type Node, type Tree } from '../helpers/tree.js'
import { fillBytes } from '../helpers/files.js'
import type { Random } from './random.js'
import { fromLiteral, Reference, type ReferenceRules } from './reference.js'

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const LOWERS = 3

export interface Start {
  lowers: DirNode[]
  upper: DirNode
}

function randomTree(random: Random, depth: number): Tree {
  const tree: Tree = {}
  for (const name of NAMES) {
    const draw = random.next()
    if (draw < 0.35 && depth < 3) tree[name] = random.chance(0.1) ? opaque(randomTree(random, depth + 1)) : dir(randomTree(random, depth + 1), { mode: random.pick([0o755, 0o700, 0o2755]) })
    else if (draw < 0.6) tree[name] = file(fillBytes(random.below(9000), random.below(1e6)), { mode: random.pick([0o644, 0o600, 0o755]), uid: random.below(3), ...(random.chance(0.2) ? { xattrs: { 'user.one': 'from a layer' } } : {}) })
    else if (draw < 0.66) tree[name] = symlink(random.pick(['a', 'b', 'c/a', 'missing']))
    else if (draw < 0.76) tree[name] = whiteout()
  }
  return tree
}

// Takes away whiteouts that hide nothing: kernel overlayfs lists those of a directory that has nothing below it.
function prune(layer: DirNode, below: DirNode[]): void {
  const hidden = layer.opaque === undefined ? below : []
  for (const [name, value] of Object.entries(layer.tree)) {
    const node = nodeOf(value)
    if (node.kind === 'dir') prune(node, mergedBelow(hidden, name))
  }
  const hides = (name: string, value: Node | string): boolean => nodeOf(value).kind !== 'whiteout' || hidden.some((lower) => lower.tree[name] !== undefined)
  layer.tree = Object.fromEntries(Object.entries(layer.tree).filter(([name, value]) => hides(name, value)))
}

function mergedBelow(below: DirNode[], name: string): DirNode[] {
  const stack: DirNode[] = []
  for (const layer of below) {
    const value = layer.tree[name]
    if (value === undefined) continue
    const node = nodeOf(value)
    if (node.kind !== 'dir') break
    stack.push(node)
    if (node.opaque !== undefined) break
  }
  return stack
}

export function randomStart(random: Random): Start {
  const layers = Array.from({ length: LOWERS + 1 }, () => dir(randomTree(random, 0)))
  layers.forEach((layer, i) => { prune(layer, layers.slice(i + 1)) })
  const [upper = dir(), ...lowers] = layers
  return { lowers, upper }
}

// Whether a lower contributes to the merged directory `path`: nothing in the upper may cut it off.
function lowerHas(start: Start): (path: string) => boolean {
  const below = mergeLayers(start.lowers)
  return (path) => {
    let upper: DirNode | undefined = start.upper
    let lower: DirNode = below
    for (const name of path === '' ? [] : path.split('/')) {
      const above: DirNode | undefined = upper
      const value: Node | string | undefined = above?.tree[name]
      const inUpper: Node | undefined = value === undefined ? undefined : nodeOf(value)
      if (inUpper !== undefined && (inUpper.kind !== 'dir' || inUpper.opaque !== undefined)) return false
      const found = lower.tree[name]
      const inLower = found === undefined ? undefined : nodeOf(found)
      if (inLower?.kind !== 'dir') return false
      lower = inLower
      upper = inUpper
    }
    return true
  }
}

export function modelOf(start: Start, rules: ReferenceRules): Reference {
  const merged = mergeLayers([start.upper, ...start.lowers])
  return new Reference(fromLiteral(merged, '', lowerHas(start)), rules)
}
