// transport - what a transport carries, the callbacks of fuse-native, and the faults of that package worked round.
import t from 'tap'
import type { NativePaths, PathAttr } from '../../src/engine/contract.js'
import type { LogFields, Logger } from '../../src/log/logger.js'
import { defineStack } from '../../src/stack/stack.js'
import { fuseNativeTransport } from '../../src/transport/fuse-native.js'
import { kernelTransport } from '../../src/transport/kernel.js'
import { makeFuse, mtimeOf, type FuseClass } from '../../src/transport/mended-fuse.js'
import { foldInode, guarded, pathHandlers, toFileStat, toFsStat, type PathHandlers } from '../../src/transport/path-handlers.js'
import { abilities, lacks, type Ability } from '../../src/transport/transport.js'

interface Line {
  level: string
  message: string
  fields: LogFields
}

function recorder(): Logger & { lines: Line[] } {
  const lines: Line[] = []
  return { lines, levelNumber: 10, log: (level, message, fields = {}) => void lines.push({ level, message, fields }), flush: () => undefined }
}

const attr: PathAttr = { mode: 0o100644, uid: 1, gid: 2, size: 3, blocks: 8, blksize: 4096, nlink: 1, ino: 5n, rdev: 0, atimeMs: 6, mtimeMs: 7, ctimeMs: 8 }

// Handlers of which only some are ever called.
const handlersOf = (some: Partial<PathHandlers>): PathHandlers => some as PathHandlers
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('the kernel transport carries everything; of fuse-native each lack is told in words', (t) => {
  for (const ability of Object.keys(abilities) as Ability[]) {
    t.equal(lacks(kernelTransport, ability), undefined)
    if (!fuseNativeTransport.supports.includes(ability)) t.equal(lacks(fuseNativeTransport, ability), `fuse-native does not carry ${abilities[ability]}`)
  }
  t.ok(lacks(fuseNativeTransport, 'caller-ids'))
  t.end()
})

t.test('a hook is refused where no JavaScript runs', async (t) => {
  const options = { io: 'auto', allowOther: false, volatile: false, dev: false, suid: false, threads: 1, hook: (handlers: PathHandlers) => handlers } as const
  await t.rejects(kernelTransport.mount(defineStack({ lowers: ['/'], mountpoint: '/nowhere' }), options, recorder()), { code: 'INVALID', remedy: /--transport=fuse-native/ })
})

t.test('a handler that throws answers EIO once, with a log line', (t) => {
  const logger = recorder()
  const handlers = guarded(
    handlersOf({
      getattr: () => {
        throw new Error('boom')
      },
    }),
    logger,
  )
  const answers: number[] = []
  handlers.getattr('/a', (...answer) => void answers.push(answer[0]))
  t.strictSame(answers, [-5])
  t.match(logger.lines, [{ level: 'error', message: 'a handler failed', fields: { op: 'getattr', path: '/a', reason: 'boom' } }])
  t.end()
})

t.test('a handler whose promise rejects answers EIO as well', async (t) => {
  const logger = recorder()
  const rejecting: () => unknown = async () => {
    await settle()
    throw new Error('late')
  }
  const handlers = guarded(handlersOf({ unlink: rejecting }), logger)
  const errno = await new Promise<number>((resolve) => handlers.unlink('/a', resolve))
  t.equal(errno, -5)
  t.match(logger.lines, [{ fields: { op: 'unlink', reason: 'late' } }])
})

t.test('an answer is given once, whatever a handler does after it', (t) => {
  const logger = recorder()
  const handlers = guarded(
    handlersOf({
      readlink: (_path, done) => {
        done(0, 'first')
        done(0, 'second')
        throw new Error('too late')
      },
    }),
    logger,
  )
  const answers: (string | undefined)[] = []
  handlers.readlink('/a', (_errno, ...[target]) => void answers.push(target))
  t.strictSame(answers, ['first'])
  t.equal(logger.lines.length, 2)
  t.end()
})

t.test('an answer that cannot be translated is EIO with a log line', (t) => {
  const logger = recorder()
  const paths = { getattr: (_path: string, done: (errno: number, attr: PathAttr) => void) => done(0, undefined as unknown as PathAttr) } as unknown as NativePaths
  const answers: number[] = []
  pathHandlers(paths, logger).getattr('/a', (...answer) => void answers.push(answer[0]))
  t.strictSame(answers, [-5])
  t.equal(logger.lines.length, 1)
  t.end()
})

t.test('numbers of 32 bits stay, larger ones are folded, always the same way and never to 0', (t) => {
  t.equal(foldInode(4_294_967_295n), 4_294_967_295)
  t.equal(foldInode(7n), 7)
  const large = (1n << 56n) + 7n
  t.equal(foldInode(large), foldInode(large))
  t.not(foldInode(large), foldInode((2n << 56n) + 7n))
  t.not(foldInode(large), 7)
  for (let high = 0n; high < 1000n; high++) {
    const folded = foldInode(high << 32n | 1n)
    t.ok(folded > 0 && folded <= 0xffffffff && Number.isInteger(folded))
  }
  t.end()
})

t.test('a link count of 0 survives the package, and times before 1970 become 1970', (t) => {
  const stat = toFileStat({ ...attr, nlink: 0, mtimeMs: -5 })
  t.ok(stat.nlink, 'not what the package takes for absent')
  t.equal(new Uint32Array([stat.nlink])[0], 0)
  t.equal(stat.mtime, 0)
  t.equal(toFileStat(attr).nlink, 1)
  t.end()
})

t.test('a filesystem of more than 2^32 blocks is told in larger blocks', (t) => {
  const small = toFsStat({ blocks: 100, bfree: 50, bavail: 40, files: 9, ffree: 8, bsize: 4096, frsize: 4096, namelen: 255 })
  t.match(small, { blocks: 100, bfree: 50, bavail: 40, frsize: 4096, namemax: 255 })
  const large = toFsStat({ blocks: 2 ** 34, bfree: 2 ** 33, bavail: 2 ** 33, files: 2 ** 40, ffree: 1, bsize: 4096, frsize: 4096, namelen: 255 })
  t.ok(large.blocks < 2 ** 32)
  t.equal(large.blocks * large.frsize, 2 ** 34 * 4096)
  t.equal(large.bfree * large.frsize, 2 ** 33 * 4096)
  t.equal(large.files, 2 ** 32 - 1)
  t.end()
})

function requestRecord(opcode: number, atime: bigint, mtime: bigint): Buffer {
  const record = Buffer.alloc(256)
  record.writeUInt32LE(opcode, 8)
  record.writeBigUInt64LE(BigInt.asUintN(64, atime), 104)
  record.writeBigUInt64LE(BigInt.asUintN(64, mtime), 112)
  return record
}

t.test('the modification time is read behind the access time in a record that looks as expected, and else not at all', (t) => {
  t.equal(mtimeOf(requestRecord(12, 1000n, 2n ** 33n), 12, 1000, 0), 2 ** 33)
  t.equal(mtimeOf(requestRecord(12, 1000n, -1500n), 12, 1000, 0), -1500)
  t.equal(mtimeOf(requestRecord(11, 1000n, 2000n), 12, 1000, 0), undefined)
  t.equal(mtimeOf(requestRecord(12, 999n, 2000n), 12, 1000, 0), undefined)
  t.equal(mtimeOf(Buffer.alloc(64), 12, 1000, 0), undefined)
  t.end()
})

// The package as far as it matters here: it calls its `_op_` functions through the handlers it made.
class FakePackage {
  readonly handlers: (((record: Buffer, opcode: number, ...args: unknown[]) => unknown) | undefined)[]

  constructor(
    readonly mountpoint: string,
    readonly ops: object,
    readonly options: { timeout: unknown },
  ) {
    this.handlers = this._makeHandlerArray()
  }

  _fuseOptions(): string {
    return 'theirs'
  }

  _makeHandlerArray(): FakePackage['handlers'] {
    const call = (name: string) => (record: Buffer, _opcode: number, ...args: unknown[]) => (this as unknown as Record<string, (...all: unknown[]) => void>)[name]?.(record, ...args)
    return [call('_op_utimens'), undefined, call('_op_getxattr'), call('_op_listxattr')]
  }
}

function fakeMount(handlers: Partial<PathHandlers>): FakePackage {
  return makeFuse(FakePackage as unknown as FuseClass, '/m', handlersOf(handlers), ['ro', 'use_ino']) as unknown as FakePackage
}

t.test('mount options are ours, and no request is given up after a time', (t) => {
  const fuse = fakeMount({})
  t.equal(fuse._fuseOptions(), '-oro,use_ino')
  t.equal(fuse.options.timeout, false)
  t.end()
})

t.test('utimens gets both times', (t) => {
  const got: unknown[] = []
  const fuse = fakeMount({ utimens: (path, atime, mtime) => void got.push(path, atime, mtime) })
  // The record stands where the package passes its function for the answer: nothing is answered here.
  fuse.handlers[0]?.(requestRecord(12, 5000n, 6000n), 12, '/a', 5000, 0, 5000, 0)
  t.strictSame(got, ['/a', 5000, 6000])
  t.end()
})

t.test('a value larger than the buffer is ERANGE, and size 0 asks for the size', (t) => {
  const answers: unknown[] = []
  const signal = ((...answer: unknown[]) => void answers.push(answer[0])) as unknown as Buffer
  const value = Buffer.from('value')
  const fuse = fakeMount({ getxattr: (_path, _name, _position, done) => done(0, value), listxattr: (_path, done) => done(0, Buffer.from('user.a\0')) })
  const exact = Buffer.alloc(5)
  for (const into of [Buffer.alloc(0), Buffer.alloc(4), exact]) fuse.handlers[2]?.(signal, 17, '/a', 'user.a', into, 0)
  t.strictSame(answers.splice(0), [5, -34, 5])
  t.strictSame(exact, value)
  for (const into of [Buffer.alloc(0), Buffer.alloc(6), Buffer.alloc(7)]) fuse.handlers[3]?.(signal, 18, '/a', into)
  t.strictSame(answers, [7, -34, 7])
  t.end()
})
