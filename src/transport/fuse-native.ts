// fuse-native - the second transport: libfuse 2 through the npm package fuse-native, one JavaScript callback a request.
//
// The package is loaded when it is chosen. Once mounted, this process touches no path under its own mount: every
// request needs the JavaScript thread, so waiting for one there would wait for ever. Layers are asked on threads of the
// engine; the end of the mount is seen at the FUSE device and in the kernel's table of mounts.
import { readdirSync, readlinkSync } from 'node:fs'
import { loadAddon } from '../engine/addon.js'
import type { NativePaths, NativeSessionInfo } from '../engine/contract.js'
import { openPaths, rightsOf } from '../engine/session.js'
import { errnoOf, messageOf, UnionfsError } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { readMountTable, topMountAt } from '../stack/mount-table.js'
import type { StackDefinition } from '../stack/stack.js'
import { makeFuse, type Fuse, type FuseClass } from './mended-fuse.js'
import { guarded, pathHandlers } from './path-handlers.js'
import type { ServedMount, Transport, TransportOptions } from './transport.js'

const packageName: string = 'fuse-native' // a string like any other to the compiler, because the package has no types
const notFound = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']) // by import, and by require in the bundled command
const protocolMinor = 19 // of libfuse 2.9, which the package brings along
const entrySeconds = 60
const libraryRemedy = 'install libfuse 2 (apt-get install libfuse2), or mount with --transport=kernel'
const installRemedy = 'install it (`npm install fuse-native`; prebuilt for x64), or mount with --transport=kernel'

export const fuseNativeTransport: Transport = {
  name: 'fuse-native',
  supports: [],
  async mount(stack, options, logger) {
    if (options.io === 'passthrough') {
      throw new UnionfsError('INVALID', 'fuse-native has no passthrough', { remedy: 'leave --io away, or mount with --transport=kernel' })
    }
    const Base = await loadPackage()
    const paths = await openPaths(stack, options, logger)
    try {
      return await serve(Base, paths, stack, options, logger)
    } catch (error) {
      await paths.close()
      throw error
    }
  },
}

async function loadPackage(): Promise<FuseClass> {
  try {
    const loaded = (await import(packageName)) as { default: FuseClass }
    return loaded.default
  } catch (error) {
    const absent = notFound.has(errnoOf(error) ?? '')
    const noLibrary = messageOf(error).includes('libfuse.so')
    throw new UnionfsError('ENGINE', absent ? 'the npm package fuse-native is not installed' : `the npm package fuse-native cannot be loaded: ${messageOf(error)}`, {
      remedy: noLibrary ? libraryRemedy : installRemedy,
      cause: error,
    })
  }
}

async function serve(Base: FuseClass, paths: NativePaths, stack: StackDefinition, options: TransportOptions, logger: Logger): Promise<ServedMount> {
  const own = pathHandlers(paths, logger)
  const handlers = guarded(options.hook === undefined ? own : options.hook(own), logger)
  const before = new Set(fuseDescriptors())
  await mountWith(makeFuse(Base, stack.mountpoint, handlers, mountOptions(stack, options)), stack.mountpoint)
  const device = topMountAt(readMountTable(), stack.mountpoint)?.device ?? ''
  const descriptor = fuseDescriptors().find((fd) => !before.has(fd))
  if (descriptor === undefined) {
    await loadAddon().unmountPath(stack.mountpoint, true)
    throw new UnionfsError('MOUNT', 'fuse-native has mounted, but its FUSE device is not found', { path: stack.mountpoint, remedy: 'mount with --transport=kernel' })
  }
  const connection = Number(device.split(':')[1] ?? 0)
  return served(paths, stack.mountpoint, device, connection, paths.watch(descriptor, connection))
}

function served(paths: NativePaths, mountpoint: string, device: string, connection: number, gone: Promise<void>): ServedMount {
  let live = true
  const requireLive = (): void => {
    if (!live) throw ended()
  }
  const info: NativeSessionInfo = {
    io: 'cached',
    ioReason: 'fuse-native has no other',
    protocolMinor,
    connection,
    viaFusermount: false,
  }
  return {
    info: () => {
      requireLive()
      return info
    },
    stats: () => {
      requireLive()
      return paths.stats()
    },
    unmount: async (lazy) => {
      requireLive()
      const top = topMountAt(readMountTable(), mountpoint)
      if (top === undefined) throw ended()
      if (top.device !== device) throw new UnionfsSystemError('EBUSY', `something else is mounted over ${mountpoint}`)
      await loadAddon().unmountPath(mountpoint, lazy)
    },
    ended: gone.then(async () => {
      live = false
      await paths.close()
      return 'unmounted'
    }),
  }
}

// An error whose code is an errno's name, as native errors have it.
class UnionfsSystemError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

function ended(): UnionfsSystemError {
  return new UnionfsSystemError('ENOTCONN', 'the mount has ended')
}

// Attributes are asked anew each time: a copy-up changes directories nobody named, a change through one name of a file
// all its names, and libfuse 2 cannot be told. Names change through this mount only.
function mountOptions(stack: StackDefinition, options: TransportOptions): string[] {
  const rights = rightsOf(options)
  return [
    'fsname=unionfs',
    'subtype=unionfs',
    'default_permissions',
    'use_ino',
    'nonempty',
    'big_writes',
    'noatime',
    'attr_timeout=0',
    `entry_timeout=${entrySeconds}`,
    `negative_timeout=${entrySeconds}`,
    rights.dev ? 'dev' : 'nodev',
    rights.suid ? 'suid' : 'nosuid',
    ...(rights.allowOther ? ['allow_other'] : []),
    ...(stack.upper === undefined ? ['ro'] : []),
  ]
}

function mountWith(fuse: Fuse, mountpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fuse.mount((error) => {
      if (error === null) resolve()
      else reject(explain(error, mountpoint))
    })
  })
}

function explain(error: Error, mountpoint: string): UnionfsError {
  const inUse = error.message === 'Mountpoint in use'
  return new UnionfsError('MOUNT', `${mountpoint}: fuse-native cannot mount: ${inUse ? 'something is mounted there already' : error.message}`, {
    path: mountpoint,
    remedy: inUse ? 'choose another mount point, or --transport=kernel' : 'mount as root (others need the program fusermount of libfuse 2), or with --transport=kernel',
    cause: error,
  })
}

// Descriptors of this process that serve a FUSE connection. readlink of a descriptor asks the kernel alone.
function fuseDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/fuse'
      } catch {
        return false // closed meanwhile
      }
    })
    .map(Number)
}
