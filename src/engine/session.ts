// session - starts the engine for a stack and explains why it would not start.
import { readFileSync } from 'node:fs'
import type { IoMode, OverrideMode } from '../config/options.js'
import { UnionfsError } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { forwardRecords } from '../log/native-bridge.js'
import { oldestKernel } from '../stack/kernel.js'
import { onIdmappedMounts } from '../stack/layer.js'
import { howToNameWorkdir, type StackDefinition } from '../stack/stack.js'
import { loadAddon } from './addon.js'
import type { NativeError, NativeLogRecord, NativeMount, NativeMountOptions, NativePaths } from './contract.js'
import { descriptorBudget } from './descriptors.js'
import { explainDevice, fuseDeviceTrouble, type DeviceTrouble } from './fuse-device.js'

export interface EngineOptions {
  readonly io: IoMode
  readonly volatile: boolean
  // Undefined: on for root, off for others. True: asked for, so a mount that cannot have it is refused.
  readonly allowOther?: boolean | undefined
  readonly dev?: boolean | undefined
  readonly suid?: boolean | undefined
  readonly threads: number
  readonly recordBytes?: number // memory for records of the path index; none are used without
  readonly view?: ViewOptions | undefined
}

// How a mount shows its layers, where that is not as they are. Everything is optional.
export interface ViewOptions {
  readonly source?: string | undefined // in the mount table
  readonly subtype?: string
  readonly exec?: boolean
  readonly marksVolatile?: boolean
  readonly writeback?: boolean
  readonly acl?: boolean
  readonly xattrs?: boolean
  readonly silentXattrs?: boolean
  readonly timeoutSeconds?: number | undefined
  readonly uidRanges?: readonly number[]
  readonly gidRanges?: readonly number[]
  readonly squashUid?: number | undefined
  readonly squashGid?: number | undefined
  readonly staticNlink?: boolean
  readonly shortInos?: boolean
  readonly override?: OverrideMode
  readonly whiteoutFiles?: boolean
}

export function startSession(stack: StackDefinition, options: EngineOptions, logger: Logger): Promise<NativeMount> {
  return explained(loadAddon().mount(nativeOptions(stack, options, logger), forwardTo(logger)))
}

// The engine without a mount, to be asked by path.
export function openPaths(stack: StackDefinition, options: EngineOptions, logger: Logger): Promise<NativePaths> {
  return explained(loadAddon().openPaths({ ...nativeOptions(stack, options, logger), io: 'cached', recordBytes: 0 }, forwardTo(logger)))
}

/** What a mount may do, with what was not asked for decided. */
export function rightsOf(options: EngineOptions): { allowOther: boolean; dev: boolean; suid: boolean } {
  const root = process.geteuid?.() === 0
  return { allowOther: options.allowOther ?? root, dev: options.dev ?? root, suid: options.suid ?? root }
}

function nativeOptions(stack: StackDefinition, options: EngineOptions, logger: Logger): NativeMountOptions {
  return {
    lowers: stack.lowers,
    ...(stack.upper === undefined ? {} : { upper: stack.upper }),
    ...(stack.workdir === undefined ? {} : { workdir: stack.workdir }),
    mountpoint: stack.mountpoint,
    io: options.io,
    volatile: options.volatile,
    ...rightsOf(options),
    ...viewOf(options.view ?? {}, stack),
    maxThreads: options.threads,
    fdBudget: descriptorBudget(stack.lowers.length, options.threads),
    recordBytes: options.recordBytes ?? 0,
    logLevel: logger.levelNumber,
  }
}

function viewOf(view: ViewOptions, stack: StackDefinition): Pick<NativeMountOptions, 'source' | 'subtype' | 'exec' | 'marksVolatile' | 'writeback' | 'acl' | 'xattrs' | 'silentXattrs' | 'timeout' | 'uidRanges' | 'gidRanges' | 'ownersMapped' | 'squashUid' | 'squashGid' | 'overflowUid' | 'overflowGid' | 'staticNlink' | 'shortInos' | 'override' | 'whiteoutFiles'> {
  return {
    source: view.source ?? 'unionfs',
    subtype: view.subtype ?? 'unionfs',
    exec: view.exec ?? true,
    marksVolatile: view.marksVolatile ?? true,
    writeback: view.writeback ?? true,
    acl: view.acl ?? true,
    xattrs: view.xattrs ?? true,
    silentXattrs: view.silentXattrs ?? false,
    timeout: view.timeoutSeconds ?? -1,
    uidRanges: view.uidRanges ?? [],
    gidRanges: view.gidRanges ?? [],
    // Without a mapping of ours nobody asks.
    ownersMapped: [...(view.uidRanges ?? []), ...(view.gidRanges ?? [])].length === 0 ? [] : onIdmappedMounts(stack.lowers),
    ...(view.squashUid === undefined ? {} : { squashUid: view.squashUid }),
    ...(view.squashGid === undefined ? {} : { squashGid: view.squashGid }),
    overflowUid: overflowId('uid'),
    overflowGid: overflowId('gid'),
    staticNlink: view.staticNlink ?? false,
    shortInos: view.shortInos ?? false,
    override: view.override ?? 'none',
    whiteoutFiles: view.whiteoutFiles ?? false,
  }
}

// What the kernel shows for an owner it cannot name.
function overflowId(kind: 'uid' | 'gid'): number {
  try {
    return Number(readFileSync(`/proc/sys/kernel/overflow${kind}`, 'utf8'))
  } catch {
    return 65534 // a container's proc may lack the file; this is the kernel's own default
  }
}

function forwardTo(logger: Logger): (records: readonly NativeLogRecord[]) => void {
  return (records) => {
    forwardRecords(logger, records)
  }
}

async function explained<T>(started: Promise<T>): Promise<T> {
  try {
    return await started
  } catch (error) {
    throw isNativeError(error) ? explain(error) : error
  }
}

export function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && 'errno' in error && 'syscall' in error && 'detail' in error
}

// By what failed and how. The first row that fits is taken. An empty `call` means that the layers could not be opened;
// the engine has then put the reason in words.
const explanations: readonly { call: RegExp; errno: RegExp; said?: RegExp; reason?: string; remedy: string }[] = [
  {
    call: /^$/,
    errno: /^(EBUSY|EWOULDBLOCK|EAGAIN)$/,
    remedy: 'unmount that one first (`unionfs status` lists the mounts), or choose another upper and work directory',
  },
  { call: /^$/, errno: /^EXDEV$/, remedy: `name a work directory beside the upper ${howToNameWorkdir}` },
  {
    call: /^$/,
    errno: /^EUCLEAN$/,
    remedy: 'start again with an empty upper; or, if you know it to be whole, remove work/incompat/volatile in the work directory',
  },
  { call: /^$/, errno: /^(EACCES|EPERM)$/, remedy: 'give yourself permission on it, or mount as root' },
  {
    call: /fusermount/,
    errno: /^ENOENT$/,
    reason: 'mounting needs root, a user namespace, or the program fusermount3, which is not installed',
    remedy: 'install fuse3 (apt-get install fuse3), or mount inside `unshare -Urm`',
  },
  {
    call: /fusermount/,
    errno: /.*/,
    said: /user_allow_other/,
    reason: 'other users cannot be let in',
    remedy: 'leave --allow-other (allow_other behind -o) out, or have root add the line user_allow_other to /etc/fuse.conf',
  },
  {
    call: /mount/,
    errno: /^(EPERM|EACCES)$/,
    reason: 'mounting is not allowed',
    remedy: 'mount as root, inside `unshare -Urm`, or on a mount point you own through fusermount3; `unionfs doctor` shows what this host offers',
  },
  { call: /.*/, errno: /^ENOSYS$/, remedy: `Linux ${oldestKernel} is the oldest that works; a container's seccomp rules may also withhold what is needed (openat2)` },
  { call: /FUSE_INIT/, errno: /^EOPNOTSUPP$/, reason: 'the I/O mode that was asked for cannot be had', remedy: 'mount with --io=auto; `unionfs doctor` shows what this host offers' },
  { call: /.*/, errno: /^EPROTO$/, remedy: `a kernel from Linux ${oldestKernel} on is needed` },
  { call: /.*/, errno: /^ENOSPC$/, remedy: 'free some space and try again' },
  { call: /.*/, errno: /^EMFILE$/, remedy: 'raise the limit on open files: ulimit -n' },
]

// fusermount3 opens the device as the user, and all it brings back is that it failed.
function deviceTrouble(error: NativeError): DeviceTrouble | undefined {
  if (error.syscall === 'open /dev/fuse') return explainDevice('/dev/fuse', error.code)
  return error.syscall === 'fusermount3' && /fuse device|\/dev\/fuse/.test(error.detail) ? fuseDeviceTrouble() : undefined
}

function explain(error: NativeError): UnionfsError {
  const device = deviceTrouble(error)
  if (device !== undefined) {
    return new UnionfsError('MOUNT', device.reason, { errno: error.code, syscall: error.syscall, path: '/dev/fuse', remedy: device.remedy, cause: error })
  }
  const found = explanations.find((row) => row.call.test(error.syscall) && row.errno.test(error.code) && row.said?.test(error.detail) !== false)
  const failed = error.syscall === '' ? error.detail : (found?.reason ?? `${error.syscall} failed`)
  const said = error.syscall === '' || error.detail === '' ? '' : `: ${error.detail}`
  const subject = error.path === '' ? '' : `${error.path}: `
  return new UnionfsError('MOUNT', `${subject}${failed} (${error.code})${said}`, {
    errno: error.code,
    syscall: error.syscall,
    path: error.path,
    remedy: found?.remedy,
    cause: error,
  })
}
