// mount - from a checked request to a live mount with its registry entry and control socket, and back.
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadAddon } from '../engine/addon.js'
import { descriptorProblem } from '../engine/descriptors.js'
import { recordBytes, type TransportName } from '../config/options.js'
import { messageOf, ValidationError, type Problem } from '../errors.js'
import { directoryProblem, directoryState, indexLocation, misplacedProblem } from '../index/location.js'
import { noMemory, startMemory, unusableMemory, type MountMemory } from '../index/memory.js'
import { sealProblems } from '../index/seal-list.js'
import { writtenBy, type Written } from '../index/written.js'
import { nullLogger, type Logger } from '../log/logger.js'
import { RecentTroubles } from '../log/recent.js'
import { takeSnapshot } from '../metrics/snapshot.js'
import { readMountTable, topMountAt } from '../stack/mount-table.js'
import type { StackDefinition } from '../stack/stack.js'
import { validateStack } from '../stack/validate.js'
import type { ServedMount, Transport, TransportOptions } from '../transport/transport.js'
import { serveControl, type ControlReply, type ControlRequest, type ControlServer } from './control.js'
import { whenFree } from './lock-holder.js'
import { namespaceOf, startTimeOf } from './process.js'
import { listMounts, Registry, type MountRecord } from './registry.js'
import { rightsProblems } from './rights.js'
import { makeWorkdir, unmakeWorkdir } from './workdir.js'

export interface LiveMount {
  readonly stack: StackDefinition
  readonly transport: TransportName
  readonly native: ServedMount
  readonly warnings: readonly Problem[]
  readonly logger: Logger // what is warned about through it shows in `status`
  // Resolves with the reason when the mount has ended and its registry entry is gone.
  readonly ended: Promise<string>
}

export interface MountOptions extends TransportOptions {
  readonly transport?: TransportName // kernel, unless said otherwise
  readonly index?: string | undefined // directory of the path index; without one nothing is remembered
  readonly indexNamed?: boolean // somebody chose it, and is warned when it cannot be used
}

// Milliseconds in which a mount tells whoever waits that it can be used; loading the database would hold that up.
const afterTheStart = 200

// Each is loaded when it is chosen.
const transports: Readonly<Record<TransportName, () => Promise<Transport>>> = {
  kernel: async () => (await import('../transport/kernel.js')).kernelTransport,
  'fuse-native': async () => (await import('../transport/fuse-native.js')).fuseNativeTransport,
}

// Throws a ValidationError with all problems, or an UnionfsError; nothing is then left behind.
export async function mountStack(stack: StackDefinition, options: MountOptions, given: Logger = nullLogger): Promise<LiveMount> {
  const addon = loadAddon()
  const troubles = new RecentTroubles()
  const logger = troubles.watch(given)
  // What looks for other problems needs descriptors itself.
  const tooFew = descriptorProblem(stack.lowers.length, options.threads)
  if (tooFew !== undefined) throw new ValidationError([tooFew])
  const problems = [...rightsProblems(options), ...validateStack(stack, { probe: (path) => addon.probePath(path), live: await listMounts() })]
  if (problems.some((problem) => problem.severity === 'error')) throw new ValidationError(problems.filter((problem) => problem.severity === 'error'))
  for (const warning of problems) logger.log('warn', warning.reason, { subject: warning.subject, remedy: warning.remedy })

  const unfit = options.index === undefined ? undefined : (directoryProblem(options.index) ?? misplacedProblem(options.index, { 'the upper': stack.upper, 'the work directory': stack.workdir, 'the mount point': stack.mountpoint }))
  const transport = await transports[options.transport ?? 'kernel']()
  const made = makeWorkdir(stack.workdir)
  const startedAt = new Date()
  // The mount may hide the layers' own paths.
  const identities = { upper: identityOf(stack.upper), workdir: identityOf(stack.workdir) }
  // Of a transport that uses no index, seals are nobody's business.
  const brokenSeals = options.index === undefined || transport.name !== 'kernel' ? [] : sealProblems(options.index, stack.lowers)
  const written = whatIsWritten(stack, options.index)
  let native: ServedMount
  try {
    const engine = { ...options, recordBytes: options.index === undefined || unfit !== undefined ? 0 : recordBytes }
    native = await whenFree(stack, () => transport.mount(stack, engine, logger))
  } catch (error) {
    unmakeWorkdir(made, error)
    throw error
  }
  const info = native.info()
  logger.log('info', 'mounted', { mountpoint: stack.mountpoint, transport: transport.name, io: info.io, ioReason: info.ioReason, protocol: `7.${info.protocolMinor}`, version: addon.version })
  const memory = rememberWith(native, options.index, unfit, written, logger)
  const unsealed = written === undefined ? undefined : endSealsElsewhere(written, options.index, memory, logger)
  const listing = await enlist({ stack, transport: transport.name, native, startedAt, identities, version: addon.version, memory, troubles }, logger)
  const ended = native.ended.then(async (reason) => {
    await listing.withdraw()
    await Promise.all([memory.finish(), unsealed])
    logger.log('info', 'ended', { mountpoint: stack.mountpoint, reason })
    return reason
  })
  const warnings = [...problems, ...(unfit !== undefined && options.indexNamed === true && memory !== noMemory ? [unfit] : []), ...brokenSeals]
  return { stack, transport: transport.name, native, warnings, logger, ended }
}

function rememberWith(native: ServedMount, index: string | undefined, unfit: Problem | undefined, written: Written | undefined, logger: Logger): MountMemory {
  if (index === undefined || native.records === undefined) return noMemory
  if (unfit === undefined) return startMemory(native.records, index, written, logger)
  logger.log('warn', 'without the path index', { reason: `${unfit.subject} ${unfit.reason}`, remedy: unfit.remedy })
  return unusableMemory(index)
}

// Undefined when nothing is, or there is no index that could hold a seal of it.
function whatIsWritten(stack: StackDefinition, index: string | undefined): Written | undefined {
  if (stack.upper === undefined || (index ?? indexLocation(undefined)) === undefined) return undefined
  return writtenBy([stack.upper, stack.workdir])
}

// The index that commands of this user have when they name none may hold a seal, too, and so may one that the mount was
// given and its transport does not use.
async function endSealsElsewhere(written: Written, index: string | undefined, memory: MountMemory, logger: Logger): Promise<void> {
  const places = [...new Set([index, indexLocation(undefined)])].filter((dir) => dir !== undefined)
  const dirs = places.filter((dir) => (memory === noMemory || dir !== index) && directoryState(dir) === 'database')
  if (dirs.length === 0) return
  await sleep(afterTheStart)
  await (await import('../index/unseal.js')).endSealsIn(dirs, written, logger)
}

function identityOf(path: string | undefined): string | undefined {
  const stats = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`
}

interface Source {
  readonly stack: StackDefinition
  readonly transport: TransportName
  readonly native: ServedMount
  readonly startedAt: Date
  readonly identities: { readonly upper: string | undefined; readonly workdir: string | undefined }
  readonly version: string
  readonly memory: MountMemory
  readonly troubles: RecentTroubles
}

// A mount without an entry works but for `status`, so trouble with the registry is logged, not fatal.
async function enlist(source: Source, logger: Logger): Promise<{ withdraw(): Promise<void> }> {
  try {
    const registry = Registry.open()
    const record = makeRecord(source, registry.newSocketPath())
    const server: ControlServer = await serveControl(record.socket, (request) => answer(source, request, logger))
    registry.publish(record)
    return {
      withdraw: async () => {
        registry.remove(record)
        await server.close()
      },
    }
  } catch (error) {
    logger.log('warn', 'this mount is not listed: status and umount will not find its daemon', { reason: messageOf(error) })
    return { withdraw: () => Promise.resolve() }
  }
}

function makeRecord({ stack, startedAt, identities }: Source, socket: string): MountRecord {
  return {
    version: 1,
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    pidNamespace: namespaceOf('pid'),
    mountNamespace: namespaceOf('mnt'),
    mountpoint: stack.mountpoint,
    device: topMountAt(readMountTable(), stack.mountpoint)?.device ?? '',
    lowers: stack.lowers,
    ...(stack.upper === undefined ? {} : { upper: stack.upper }),
    ...(stack.workdir === undefined ? {} : { workdir: stack.workdir }),
    ...(identities.upper === undefined ? {} : { upperIdentity: identities.upper }),
    ...(identities.workdir === undefined ? {} : { workdirIdentity: identities.workdir }),
    startedAt: startedAt.toISOString(),
    socket,
  }
}

async function answer(source: Source, request: ControlRequest, logger: Logger): Promise<ControlReply> {
  if (request.op === 'status') return { ok: true, snapshot: takeSnapshot(source) }
  logger.log('info', 'asked to unmount', { lazy: request.lazy })
  await source.native.unmount(request.lazy)
  return { ok: true }
}
