// merge - what a stack of literal layers looks like as one tree: the rule of the union in a dozen lines.
//
// It serves the plain subject (the merged tree is built as an ordinary directory) and the model's start state.
import { dir, nodeOf, type DirNode, type Node, type Tree } from './tree.js'

// Layers top first. The topmost layer that knows a name decides it; directories go on merging downwards until an
// opaque directory or something that is not a directory.
export function mergeLayers(layers: ReadonlyArray<Tree | DirNode>): DirNode {
  const roots = layers.map((layer) => (isDirNode(layer) ? layer : dir(layer)))
  return mergeDirs(roots)
}

function isDirNode(layer: Tree | DirNode): layer is DirNode {
  return layer['kind'] === 'dir'
}

function mergeDirs(stack: DirNode[]): DirNode {
  const top = stack[0]
  if (top === undefined) return dir()
  const names = new Set(stack.flatMap((layer) => Object.keys(layer.tree)))
  const tree: Tree = {}
  for (const name of names) {
    const found = mergeName(stack, name)
    if (found !== undefined) tree[name] = found
  }
  return { kind: 'dir', tree, meta: top.meta }
}

function mergeName(stack: DirNode[], name: string): Node | undefined {
  const directories: DirNode[] = []
  for (const layer of stack) {
    const value = layer.tree[name]
    if (value === undefined) continue
    const node = nodeOf(value)
    if (node.kind !== 'dir') {
      if (directories.length > 0) break
      return node.kind === 'whiteout' ? undefined : node
    }
    directories.push(node)
    if (node.opaque !== undefined) break
  }
  return directories.length > 0 ? mergeDirs(directories) : undefined
}
