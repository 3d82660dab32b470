// mended-fuse - what of the package fuse-native is used, and its faults worked round from outside.
//
// - utimens hands the access time over twice. The modification time stands behind it in the record of the request, a
//   Buffer that every handler of the package gets; it is read there when the record looks as expected, and else left.
// - getxattr and listxattr answer more bytes than were asked for instead of ERANGE.
// - mount options: the package knows few, and joins them into one text, which is replaced.
// - times before 1970 arrive as huge numbers.
// The package has had no release since 2020; what is used of its inside is all here.
import { endianness } from 'node:os'
import type { PathHandlers } from './path-handlers.js'

type Signal = (errno: number, ...values: unknown[]) => void
type RawHandler = (record: Buffer, opcode: number, ...args: unknown[]) => unknown

export interface Fuse {
  mount(done: (error: Error | null) => void): void
}

// The class the package exports.
export type FuseClass = new (mountpoint: string, ops: object, options: object) => FuseInside

interface FuseInside extends Fuse {
  _fuseOptions(): string
  _makeHandlerArray(): (RawHandler | undefined)[]
  _op_utimens(signal: Signal, path: string, ...words: number[]): void
  _op_getxattr(signal: Signal, path: string, name: string, value: Buffer, position: number): void
  _op_listxattr(signal: Signal, path: string, list: Buffer): void
}

const errnoRange = 34
const two32 = 2 ** 32

// Offsets in the record of a request on a machine with 64-bit pointers: the operation's number, and both times in
// milliseconds as 64-bit numbers, one behind the other.
const opcodeAt = 8
const atimeAt = 104
const mtimeAt = 112

export function makeFuse(Base: FuseClass, mountpoint: string, handlers: PathHandlers, mountOptions: readonly string[]): Fuse {
  // The record of the request whose handler is running: fuse-native calls them one after the other, and each reaches
  // our operation before it returns.
  let current: { readonly record: Buffer; readonly opcode: number } | undefined

  class MendedFuse extends Base {
    override _fuseOptions(): string {
      return `-o${mountOptions.join(',')}`
    }

    override _makeHandlerArray(): (RawHandler | undefined)[] {
      return super._makeHandlerArray().map((handler) => {
        if (handler === undefined) return undefined
        return (record: Buffer, opcode: number, ...args: unknown[]) => {
          current = { record, opcode }
          return handler(record, opcode, ...args)
        }
      })
    }

    override _op_utimens(signal: Signal, path: string, ...[atimeLow = 0, atimeHigh = 0]: number[]): void {
      const mtime = current === undefined ? undefined : mtimeOf(current.record, current.opcode, atimeLow, atimeHigh)
      handlers.utimens(path, signed(atimeLow, atimeHigh), mtime, (errno) => signal(errno))
    }

    override _op_getxattr(signal: Signal, path: string, name: string, into: Buffer, position: number): void {
      handlers.getxattr(path, name, position, (errno, ...[value]) => answerBytes(signal, into, errno, value))
    }

    override _op_listxattr(signal: Signal, path: string, into: Buffer): void {
      handlers.listxattr(path, (errno, ...[list]) => answerBytes(signal, into, errno, list))
    }
  }
  // Without timeouts: the package answers ETIMEDOUT after 15 s and then writes into memory that is no longer its own.
  return new MendedFuse(mountpoint, handlers, { timeout: false })
}

// A buffer of size 0 asks how large the value is.
function answerBytes(signal: Signal, into: Buffer, errno: number, value: Buffer = Buffer.alloc(0)): void {
  if (errno !== 0) signal(errno, into.buffer)
  else if (into.length > 0 && value.length > into.length) signal(-errnoRange, into.buffer)
  else {
    value.copy(into)
    signal(value.length, into.buffer)
  }
}

function signed(low: number, high: number): number {
  return (high | 0) * two32 + low
}

// undefined where the record is not the one that is known: then the modification time stays as it is.
export function mtimeOf(record: Buffer, opcode: number, atimeLow: number, atimeHigh: number): number | undefined {
  if (endianness() !== 'LE' || record.length < mtimeAt + 8) return undefined
  if (record.readUInt32LE(opcodeAt) !== opcode) return undefined
  if (record.readUInt32LE(atimeAt) !== atimeLow || record.readUInt32LE(atimeAt + 4) !== atimeHigh) return undefined
  return signed(record.readUInt32LE(mtimeAt), record.readUInt32LE(mtimeAt + 4))
}
