// tree - directory trees as literals, and the code that puts one on disk.
//
// A tree maps names to nodes; a bare string is a file with that content. `%XX` in a name stands for one raw byte.
// Times of every node are fixed, so that a test can see whether they survive.
import { posix, S, withFd, O, type Path } from './posix.js'
import { readFileSync } from 'node:fs'

export interface Meta {
  mode?: number
  uid?: number
  gid?: number
  atime?: bigint
  mtime?: bigint
  xattrs?: Record<string, string | Buffer>
}

export type WhiteoutForm = 'device' | 'file' | 'xattr'
export type OpaqueForm = 'trusted' | 'user' | 'fuseoverlayfs' | 'file'

export interface FileNode { kind: 'file'; content: string | Buffer; size?: number; meta: Meta }
export interface DirNode { kind: 'dir'; tree: Tree; opaque?: OpaqueForm; meta: Meta }
export interface SymlinkNode { kind: 'symlink'; target: string; meta: Meta }
export interface SpecialNode { kind: 'special'; type: number; major: number; minor: number; meta: Meta }
// Another name of a file of the same layer; `path` is relative to the root of the literal.
export interface HardLinkNode { kind: 'hardlink'; path: string }
export interface WhiteoutNode { kind: 'whiteout'; form: WhiteoutForm }
export type Node = FileNode | DirNode | SymlinkNode | SpecialNode | HardLinkNode | WhiteoutNode
export interface Tree { [name: string]: Node | string }

export const LAYER_TIME = 1_000_000_000_123_456_789n

export const file = (content: string | Buffer = '', meta: Meta = {}): FileNode => ({ kind: 'file', content, meta })
// A file of `size` bytes with `content` at its start and a hole after it.
export const sparse = (size: number, content = '', meta: Meta = {}): FileNode => ({ kind: 'file', content, size, meta })
export const dir = (tree: Tree = {}, meta: Meta = {}): DirNode => ({ kind: 'dir', tree, meta })
export const opaque = (tree: Tree = {}, form: OpaqueForm = 'trusted', meta: Meta = {}): DirNode => ({ kind: 'dir', tree, opaque: form, meta })
export const symlink = (target: string, meta: Meta = {}): SymlinkNode => ({ kind: 'symlink', target, meta })
const special = (type: number) => (major = 0, minor = 0, meta: Meta = {}): SpecialNode => ({ kind: 'special', type, major, minor, meta })
export const charDevice = special(S.IFCHR)
export const blockDevice = special(S.IFBLK)
export const fifo = (meta: Meta = {}): SpecialNode => special(S.IFIFO)(0, 0, meta)
export const socket = (meta: Meta = {}): SpecialNode => special(S.IFSOCK)(0, 0, meta)
export const hardLink = (path: string): HardLinkNode => ({ kind: 'hardlink', path })
export const whiteout = (form: WhiteoutForm = 'device'): WhiteoutNode => ({ kind: 'whiteout', form })

export function nodeOf(value: Node | string): Node {
  return typeof value === 'string' ? file(value) : value
}

// The raw bytes of a literal's name.
export function nameBytes(name: string): Buffer {
  const parts = name.split(/%([0-9a-fA-F]{2})/)
  return Buffer.concat(parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part, 'hex') : Buffer.from(part))))
}

export function joinBytes(parent: Path, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(parent), Buffer.from('/'), typeof name === 'string' ? Buffer.from(name) : name])
}

const OPAQUE_XATTR: Record<Exclude<OpaqueForm, 'file'>, string> = {
  trusted: 'trusted.overlay.opaque',
  user: 'user.overlay.opaque',
  fuseoverlayfs: 'user.fuseoverlayfs.opaque',
}

class TreeWriter {
  readonly #root: Path
  readonly #links: Array<[path: string, at: Buffer]> = []
  readonly #times: Array<[at: Buffer, atime: bigint, mtime: bigint]> = []

  constructor(root: Path) {
    this.#root = root
  }

  write(root: DirNode): void {
    this.#fill(Buffer.from(this.#root), root)
    this.#meta(Buffer.from(this.#root), root.meta, 0o755)
    for (const [path, at] of this.#links) posix.linkat(-100, joinBytes(this.#root, nameBytes(path)), -100, at)
    // Times last and deepest first: making children changes the times of their directory.
    for (const [at, atime, mtime] of this.#times) posix.utimens(at, atime, mtime, 0x100)
  }

  #fill(at: Buffer, node: DirNode): void {
    const names = Object.entries(node.tree)
    if (names.some(([, child]) => typeof child !== 'string' && child.kind === 'whiteout' && child.form === 'xattr')) {
      posix.setxattr(at, OPAQUE_XATTR.trusted, 'x')
    }
    for (const [name, child] of names) this.#node(at, nameBytes(name), nodeOf(child))
    if (node.opaque === 'file') this.#file(joinBytes(at, '.wh..wh..opq'), file())
    else if (node.opaque !== undefined) posix.setxattr(at, OPAQUE_XATTR[node.opaque], 'y')
  }

  #node(parent: Buffer, name: Buffer, node: Node): void {
    const at = joinBytes(parent, name)
    switch (node.kind) {
      case 'file':
        this.#file(at, node)
        return
      case 'dir':
        posix.mkdir(at)
        this.#fill(at, node)
        this.#meta(at, node.meta, 0o755)
        return
      case 'symlink':
        posix.symlink(node.target, at)
        this.#meta(at, node.meta, undefined)
        return
      case 'special':
        posix.mknod(at, node.type | 0o600, node.major, node.minor)
        this.#meta(at, node.meta, 0o600)
        return
      case 'hardlink':
        this.#links.push([node.path, at])
        return
      case 'whiteout':
        this.#whiteout(parent, name, at, node.form)
        return
    }
  }

  #file(at: Buffer, node: FileNode): void {
    withFd(at, O.CREAT | O.EXCL | O.WRONLY, (fd) => {
      if (node.content.length > 0) posix.pwrite(fd, node.content, 0)
      if (node.size !== undefined) posix.ftruncate(fd, node.size)
    })
    this.#meta(at, node.meta, 0o644)
  }

  #whiteout(parent: Buffer, name: Buffer, at: Buffer, form: WhiteoutForm): void {
    if (form === 'device') posix.mknod(at, S.IFCHR, 0, 0)
    if (form === 'file') this.#file(joinBytes(parent, Buffer.concat([Buffer.from('.wh.'), name])), file())
    if (form === 'xattr') this.#file(at, file('', { xattrs: { 'trusted.overlay.whiteout': 'y' } }))
  }

  // Owner before mode (chown clears set-id bits), capabilities and other xattrs after both.
  #meta(at: Buffer, meta: Meta, defaultMode: number | undefined): void {
    if (meta.uid !== undefined || meta.gid !== undefined) posix.chown(at, meta.uid ?? 0, meta.gid ?? 0, 0x100)
    if (defaultMode !== undefined) posix.chmod(at, meta.mode ?? defaultMode)
    for (const [name, value] of Object.entries(meta.xattrs ?? {})) posix.setxattr(at, name, value)
    this.#times.push([at, meta.atime ?? LAYER_TIME, meta.mtime ?? LAYER_TIME])
  }
}

// Fills the existing, empty directory `root`.
export function writeTree(root: Path, tree: Tree | DirNode): void {
  const literal: DirNode = isDir(tree) ? tree : dir(tree)
  new TreeWriter(root).write(literal)
}

function isDir(tree: Tree | DirNode): tree is DirNode {
  return tree['kind'] === 'dir'
}

export const read = (path: Path): string => readFileSync(path, 'utf8')
