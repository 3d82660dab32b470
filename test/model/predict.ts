// predict - what the model answers to each operation: a value to compare, or a Fail.
import { fillBytes } from '../helpers/files.js'
import type { Operation } from './operations.js'
import { Fail, newInode, type Handle, type Inode, type Reference } from './reference.js'

// Values are compared as JSON. `any` stands for "not compared".
export type Answer = { value: string } | { anyOf: string[] } | { any: true }

const done: Answer = { value: 'ok' }
const value = (what: unknown): Answer => ({ value: JSON.stringify(what) })
const OFF_LIMITS = new Set(['fifo', 'dir'])

export const hash = (data: Buffer): string => `${data.length}:${data.toString('latin1')}`

export function overwrite(data: Buffer, at: number, block: Buffer): Buffer {
  const out = Buffer.alloc(Math.max(data.length, at + block.length))
  data.copy(out)
  block.copy(out, at)
  return out
}

export function resize(data: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size)
  data.copy(out, 0, 0, Math.min(size, data.length))
  return out
}

function zeroed(data: Buffer, at: number, length: number): Buffer {
  const out = Buffer.from(data)
  out.fill(0, Math.min(at, data.length), Math.min(at + length, data.length))
  return out
}

export function attributesOf(inode: Inode): Record<string, unknown> {
  const size = inode.type === 'file' ? inode.data.length : inode.type === 'symlink' ? inode.target.length : 0
  const base = { type: inode.type, mode: inode.mode, uid: inode.uid, gid: inode.gid }
  return inode.type === 'dir' ? base : { ...base, size, nlink: inode.nlink }
}

function create(model: Reference, o: Extract<Operation, { op: 'create' }>): Answer {
  const place = model.place(o.path, !o.exclusive)
  if (place.inode === undefined) model.add(place, newInode('file', o.mode & ~0o022))
  else if (o.exclusive) throw new Fail('EEXIST')
  else if (place.inode.type === 'dir') throw new Fail('EISDIR')
  else if (place.inode.type === 'fifo') throw new Fail('ENXIO')
  else place.inode.inUpper = true
  return done
}

function regular(inode: Inode, code: string): Inode {
  if (inode.type === 'dir') throw new Fail('EISDIR')
  if (inode.type !== 'file') throw new Fail(code)
  return inode
}

function copyRange(model: Reference, o: Extract<Operation, { op: 'copy' }>): Answer {
  const from = model.openable(o.from, false)
  if (OFF_LIMITS.has(from.type)) return { any: true }
  const to = model.writable(o.to)
  const block = from.data.subarray(Math.min(o.at, from.data.length), o.at + o.length)
  if (from === to && o.toAt + block.length > o.at && o.toAt < o.at + block.length) throw new Fail('EINVAL')
  if (block.length > 0) model.touched(to, overwrite(to.data, o.toAt, block))
  return value(block.length)
}

function rmdir(model: Reference, path: string): Answer {
  const place = model.place(path, false)
  if (place.inode === undefined) throw new Fail('ENOENT')
  if (place.inode.type !== 'dir') throw new Fail('ENOTDIR')
  if (place.inode.children.size > 0) throw new Fail('ENOTEMPTY')
  model.remove(place, place.inode)
  return done
}

function unlink(model: Reference, path: string): Answer {
  const place = model.place(path, false)
  if (place.inode === undefined) throw new Fail('ENOENT')
  if (place.inode.type === 'dir') throw new Fail('EISDIR')
  model.remove(place, place.inode)
  return done
}

function link(model: Reference, from: string, to: string): Answer {
  const inode = model.find(from, false)
  const place = model.place(to, false)
  if (place.inode !== undefined) throw new Fail('EEXIST')
  if (inode.type === 'dir') throw new Fail('EPERM')
  place.parent.children.set(place.name, inode)
  place.parent.mtime = undefined
  inode.nlink++
  inode.inUpper = true
  return done
}

function chown(model: Reference, o: Extract<Operation, { op: 'chown' }>): Answer {
  const inode = model.find(o.path, false)
  Object.assign(inode, { uid: o.uid, gid: o.gid, inUpper: true })
  if (inode.type !== 'dir') {
    inode.mode &= ~0o4000
    if ((inode.mode & 0o010) !== 0) inode.mode &= ~0o2000
  }
  return done
}

function xattrTarget(model: Reference, path: string): Inode {
  const inode = model.find(path, false)
  if (inode.type !== 'file' && inode.type !== 'dir') throw new Fail('EPERM')
  return inode
}

function removexattr(model: Reference, path: string, name: string): Answer {
  const inode = xattrTarget(model, path)
  if (!inode.xattrs.delete(name)) throw new Fail('ENODATA')
  inode.inUpper = true
  return done
}

function open(model: Reference, o: Extract<Operation, { op: 'open' }>): Answer {
  model.slots[o.slot] = undefined
  const inode = model.find(o.path, true)
  if (inode.type === 'dir' && o.write) throw new Fail('EISDIR')
  if (inode.type !== 'file') return done
  const stale = !o.write && !inode.inUpper && model.rules.staleReaders ? inode.data : undefined
  if (o.write) inode.inUpper = true
  model.slots[o.slot] = { inode, write: o.write, stale }
  return done
}

function handle(model: Reference, slot: number, write: boolean, code: string): Handle {
  const open = model.slots[slot]
  if (open === undefined || (write && !open.write)) throw new Fail(code)
  return open
}

function fdread(model: Reference, o: Extract<Operation, { op: 'fdread' }>): Answer {
  const open = handle(model, o.slot, false, 'EBADF')
  const cut = (data: Buffer): string => JSON.stringify(hash(data.subarray(Math.min(o.at, data.length), o.at + o.length)))
  return open.stale === undefined ? { value: cut(open.inode.data) } : { anyOf: [cut(open.inode.data), cut(open.stale)] }
}

// Answers the operation and changes the model accordingly; a Fail leaves the model unchanged.
export function predict(model: Reference, o: Operation): Answer {
  switch (o.op) {
    case 'create': return create(model, o)
    case 'write': {
      const inode = model.writable(o.path)
      model.touched(inode, overwrite(inode.data, o.at, fillBytes(o.length, o.fill)))
      return done
    }
    case 'append': {
      const inode = model.writable(o.path)
      model.touched(inode, overwrite(inode.data, inode.data.length, fillBytes(o.length, o.fill)))
      return done
    }
    case 'truncate': {
      const inode = regular(model.find(o.path, true), 'EINVAL')
      model.touched(inode, resize(inode.data, o.size))
      return done
    }
    case 'punch': {
      const inode = model.writable(o.path)
      model.touched(inode, zeroed(inode.data, o.at, o.length))
      return done
    }
    case 'copy': return copyRange(model, o)
    case 'mkdir': model.add(model.place(o.path, false), newInode('dir', o.mode & ~0o022 & ~0o2000)); return done
    case 'mkfifo': model.add(model.place(o.path, false), newInode('fifo', 0o600)); return done
    case 'symlink': model.add(model.place(o.path, false), { ...newInode('symlink', 0o777), target: o.target }); return done
    case 'rmdir': return rmdir(model, o.path)
    case 'unlink': return unlink(model, o.path)
    case 'rename': model.rename(o.from, o.to, o.flags); return done
    case 'link': return link(model, o.from, o.to)
    case 'chown': return chown(model, o)
    case 'chmod': Object.assign(model.find(o.path, true), { mode: o.mode, inUpper: true }); return done
    case 'utimens': Object.assign(model.find(o.path, false), { mtime: BigInt(o.mtime) * 1_000_000_007n % 4_000_000_000_000_000_000n, inUpper: true }); return done
    case 'setxattr': {
      const inode = xattrTarget(model, o.path)
      inode.xattrs.set(o.name, o.value)
      inode.inUpper = true
      return done
    }
    case 'removexattr': return removexattr(model, o.path, o.name)
    case 'read': {
      const inode = model.openable(o.path, false)
      return value(hash(regular(inode, 'ESPIPE').data))
    }
    case 'readdir': {
      const inode = model.find(o.path, true)
      if (inode.type !== 'dir') throw new Fail('ENOTDIR')
      return value([...inode.children].map(([name, child]) => `${name} ${child.type}`).sort())
    }
    case 'stat': {
      const inode = model.find(o.path, false)
      return value({ ...attributesOf(inode), ...(inode.mtime === undefined ? {} : { mtime: model.shownTime(inode.mtime) }) })
    }
    case 'readlink': {
      const inode = model.find(o.path, false)
      if (inode.type !== 'symlink') throw new Fail('EINVAL')
      return value(inode.target)
    }
    case 'listxattr': return value([...model.find(o.path, false).xattrs].map(([name, text]) => `${name}=${text}`).sort())
    case 'open': return open(model, o)
    case 'fdread': return fdread(model, o)
    case 'fdwrite': {
      const { inode } = handle(model, o.slot, true, 'EBADF')
      model.touched(inode, overwrite(inode.data, o.at, fillBytes(o.length, o.fill)))
      return done
    }
    case 'fdtruncate': {
      if (model.slots[o.slot] === undefined) throw new Fail('EBADF')
      const { inode } = handle(model, o.slot, true, 'EINVAL')
      model.touched(inode, resize(inode.data, o.size))
      return done
    }
    case 'fdchmod': {
      const open = handle(model, o.slot, false, 'EBADF')
      // A descriptor that stayed on the lower file changes whatever its name leads to, or nothing that can be seen.
      Object.assign(open.inode, { mode: o.mode, inUpper: true })
      return done
    }
    case 'fdstat': {
      const open = handle(model, o.slot, false, 'EBADF')
      if (open.stale !== undefined && open.inode.inUpper) return { any: true }
      const { type, mode, uid, gid, size } = attributesOf(open.inode)
      return value({ type, mode, uid, gid, size })
    }
    case 'fsync': handle(model, o.slot, false, 'EBADF'); return done
    case 'close': {
      handle(model, o.slot, false, 'EBADF')
      model.slots[o.slot] = undefined
      return done
    }
    case 'remount': model.slots.length = 0; return done
  }
}
