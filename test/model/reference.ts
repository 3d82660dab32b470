// reference - the model: one merged tree in memory, obeying the kernel's rules for names, errors and attributes.
//
// It knows no layers but two facts that show in answers: whether a directory comes from a lower (it can't be moved), and
// whether a file was still in a lower when a descriptor was opened (the descriptor may keep the old content).
import type { Random } from './random.js'
import { LAYER_TIME, nodeOf, type DirNode } from '../helpers/tree.js'

export class Fail extends Error {
  readonly codes: readonly string[]

  constructor(...codes: string[]) {
    super(codes.join(' or '))
    this.codes = codes
  }
}

export type NodeType = 'file' | 'dir' | 'symlink' | 'fifo'

// `data` is replaced, never changed in place: an old reference is a snapshot.
export interface Inode {
  type: NodeType
  mode: number
  uid: number
  gid: number
  data: Buffer
  target: string
  xattrs: Map<string, string>
  nlink: number
  children: Map<string, Inode>
  // undefined once the exact value is the kernel's choice.
  mtime: bigint | undefined
  // A directory that a lower layer has under its present name.
  fromLower: boolean
  inUpper: boolean
}

export interface Handle {
  inode: Inode
  write: boolean
  // Content a descriptor opened before copy-up may go on reading.
  stale: Buffer | undefined
}

export interface ReferenceRules {
  // Directories from a lower answer EXDEV to rename.
  lowerDirsStay: boolean
  // Descriptors opened for reading before copy-up may stay on the lower file.
  staleReaders: boolean
}

const MAX_LINKS_FOLLOWED = 40

export function newInode(type: NodeType, mode: number): Inode {
  return { type, mode, uid: 0, gid: 0, data: Buffer.alloc(0), target: '', xattrs: new Map(), nlink: 1, children: new Map(), mtime: undefined, fromLower: false, inUpper: true }
}

interface Place { parent: Inode; name: string; inode: Inode | undefined }

export class Reference {
  readonly root: Inode
  readonly rules: ReferenceRules
  readonly slots: Array<Handle | undefined> = []

  constructor(start: Inode, rules: ReferenceRules) {
    this.root = start
    this.rules = rules
  }

  // Walks `path`; every name but the last must lead to a directory. `follow` decides about a final symlink.
  place(path: string, follow: boolean): Place {
    return this.#walk(this.root, path.split('/'), follow, { left: MAX_LINKS_FOLLOWED }, [])
  }

  #walk(from: Inode, names: string[], follow: boolean, budget: { left: number }, above: Inode[]): Place {
    let at = from
    const trail = [...above]
    for (let i = 0; ; i++) {
      const name = names[i] ?? ''
      const inode = at.children.get(name)
      const last = i === names.length - 1
      if (inode?.type === 'symlink' && (!last || follow)) {
        if (budget.left-- === 0) throw new Fail('ELOOP')
        const rest = names.slice(i + 1)
        return this.#walk(at, [...inode.target.split('/'), ...rest], follow, budget, trail)
      }
      if (last) return { parent: at, name, inode }
      if (inode === undefined) throw new Fail('ENOENT')
      if (inode.type !== 'dir') throw new Fail('ENOTDIR')
      trail.push(at)
      at = inode
    }
  }

  find(path: string, follow: boolean): Inode {
    const { inode } = this.place(path, follow)
    if (inode === undefined) throw new Fail('ENOENT')
    return inode
  }

  // For open(2): a regular file, or the error of opening anything else.
  openable(path: string, write: boolean): Inode {
    const inode = this.find(path, true)
    if (inode.type === 'dir' && write) throw new Fail('EISDIR')
    if (inode.type === 'fifo' && write) throw new Fail('ENXIO')
    return inode
  }

  // Opening for writing makes a file an upper one even when nothing is written.
  writable(path: string): Inode {
    const inode = this.openable(path, true)
    inode.inUpper = true
    return inode
  }

  add(place: Place, inode: Inode): void {
    if (place.inode !== undefined) throw new Fail('EEXIST')
    if ((place.parent.mode & 0o2000) !== 0) {
      inode.gid = place.parent.gid
      if (inode.type === 'dir') inode.mode |= 0o2000
    }
    place.parent.children.set(place.name, inode)
    place.parent.mtime = undefined
  }

  remove(place: Place, inode: Inode): void {
    place.parent.children.delete(place.name)
    place.parent.mtime = undefined
    inode.nlink--
  }

  touched(inode: Inode, data: Buffer): void {
    inode.data = data
    inode.mtime = undefined
    inode.inUpper = true
  }

  rename(from: string, to: string, flags: number): void {
    const source = this.place(from, false)
    const target = this.place(to, false)
    const exchange = flags === 2
    if (source.inode === undefined) throw new Fail('ENOENT')
    if (flags === 1 && target.inode !== undefined) throw new Fail('EEXIST')
    if (exchange && target.inode === undefined) throw new Fail('ENOENT')
    if (this.#isAncestor(source.inode, target.parent)) throw new Fail('EINVAL')
    if (target.inode !== undefined && this.#isAncestor(target.inode, source.parent)) throw new Fail(exchange ? 'EINVAL' : 'ENOTEMPTY')
    if (source.inode === target.inode) return
    if (!exchange) this.#mayReplace(source.inode, target.inode)
    this.#mayMove(source.inode, target.inode, exchange)
    this.#move(source, target, exchange)
  }

  #mayReplace(source: Inode, target: Inode | undefined): void {
    if (target === undefined) return
    if (source.type === 'dir' && target.type !== 'dir') throw new Fail('ENOTDIR')
    if (source.type !== 'dir' && target.type === 'dir') throw new Fail('EISDIR')
  }

  #mayMove(source: Inode, target: Inode | undefined, exchange: boolean): void {
    const full = !exchange && target?.type === 'dir' && target.children.size > 0
    const stuck = this.rules.lowerDirsStay && (source.fromLower || (exchange && target?.fromLower === true))
    if (stuck) throw full ? new Fail('EXDEV', 'ENOTEMPTY') : new Fail('EXDEV')
    if (full) throw new Fail('ENOTEMPTY')
  }

  #move(source: Place, target: Place, exchange: boolean): void {
    const moving = source.inode as Inode
    source.parent.children.delete(source.name)
    if (target.inode !== undefined) {
      if (exchange) {
        source.parent.children.set(source.name, target.inode)
        target.inode.inUpper = true
      } else target.inode.nlink--
    }
    target.parent.children.set(target.name, moving)
    moving.inUpper = true
    source.parent.mtime = undefined
    target.parent.mtime = undefined
  }

  #isAncestor(upper: Inode, below: Inode): boolean {
    if (upper.type !== 'dir') return false
    return upper === below || [...upper.children.values()].some((child) => this.#isAncestor(child, below))
  }

  // A path of the tree, by a random descent; '' never comes out unless the tree is empty.
  randomPath(random: Random): string {
    let at = this.root
    const path: string[] = []
    while (at.type === 'dir' && at.children.size > 0 && (path.length === 0 || random.chance(0.75))) {
      const [name, child] = random.pick([...at.children])
      path.push(name)
      at = child
    }
    return path.length === 0 ? 'a' : path.join('/')
  }

  // The path of something nothing lies below, however deep.
  randomLeaf(random: Random): { path: string[]; isDirectory: boolean } {
    const path: string[] = []
    let at = this.root
    while (at.type === 'dir' && at.children.size > 0) {
      const [name, child] = random.pick([...at.children])
      path.push(name)
      at = child
    }
    return { path, isDirectory: at.type === 'dir' }
  }

  randomDirectory(random: Random): string {
    let at = this.root
    const path: string[] = []
    while (path.length < 3 && random.chance(0.7)) {
      const below = [...at.children].filter(([, child]) => child.type === 'dir')
      if (below.length === 0) break
      const [name, child] = random.pick(below)
      path.push(name)
      at = child
    }
    return path.join('/')
  }
}

// The start state from a merged literal; `fromLower` tells which directories a lower has.
export function fromLiteral(node: DirNode, path: string, fromLower: (path: string) => boolean): Inode {
  const inode = newInode('dir', node.meta.mode ?? 0o755)
  Object.assign(inode, { uid: node.meta.uid ?? 0, gid: node.meta.gid ?? 0, mtime: LAYER_TIME, fromLower: fromLower(path), inUpper: false })
  for (const [name, value] of Object.entries(node.tree)) {
    const child = nodeOf(value)
    const childPath = path === '' ? name : `${path}/${name}`
    if (child.kind === 'dir') inode.children.set(name, fromLiteral(child, childPath, fromLower))
    else if (child.kind === 'file' || child.kind === 'symlink') {
      const made = newInode(child.kind, child.kind === 'file' ? (child.meta.mode ?? 0o644) : 0o777)
      Object.assign(made, { uid: child.meta.uid ?? 0, gid: child.meta.gid ?? 0, mtime: LAYER_TIME, inUpper: false })
      if (child.kind === 'file') made.data = Buffer.from(child.content)
      else made.target = child.target
      for (const [key, attribute] of Object.entries(child.meta.xattrs ?? {})) made.xattrs.set(key, attribute.toString())
      inode.children.set(name, made)
    } else throw new Error(`the model has no ${child.kind}`)
  }
  return inode
}
