// mount-program - the command as container engines, mount(8) and fstab call it: [SOURCE] MOUNTPOINT -o OPTIONS.
import { defaultThreads } from '../../config/options.js'
import { packageVersion } from '../../config/version.js'
import { loadAddon } from '../../engine/addon.js'
import type { ViewOptions } from '../../engine/session.js'
import { UnionfsError } from '../../errors.js'
import { indexLocation, isIndexNamed } from '../../index/location.js'
import { createLogger } from '../../log/logger.js'
import type { MountOptions } from '../../mount/mount.js'
import { standInName } from '../../program/form.js'
import type { IdRange } from '../../program/mapping.js'
import { readRequest, type ProgramRequest } from '../../program/request.js'
import { readWords } from '../../program/words.js'
import { readPrivilege } from '../../stack/privilege.js'
import { defineStack, type StackDefinition } from '../../stack/stack.js'
import { printable } from '../../words.js'
import type { Context } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { programHelp } from '../help.js'
import { serve } from '../serve.js'

export async function runMountProgram(context: Context, calledAs: string, argv: readonly string[]): Promise<number> {
  const { output } = context
  const words = readWords(calledAs, argv)
  if (words.wants === 'help') {
    output.out(programHelp(calledAs))
    return exitCodes.ok
  }
  if (words.wants === 'version') {
    output.out(calledAs === standInName ? `${standInName}: version ${packageVersion()}\nunionfs ${packageVersion()}` : `unionfs ${packageVersion()}`)
    return exitCodes.ok
  }
  const request = readRequest(words)
  for (const remark of request.remarks) output.err(printable(remark))
  const stack = stackOf(request)
  checkFileHandles(request, stack)
  if (words.wants === 'nothing') return exitCodes.ok
  const logger = await createLogger({ file: undefined, stderr: !context.inDaemon, level: request.debug ? 'debug' : 'info' })
  return serve(context, stack, optionsOf(request, calledAs), logger)
}

// A mount that is to be read-only has no upper: what would be it is the topmost lower.
function stackOf(request: ProgramRequest): StackDefinition {
  const { lowers, upper, workdir, mountpoint } = request
  if (upper === undefined || !request.readOnly) return defineStack({ lowers, upper, workdir, mountpoint })
  return defineStack({ lowers: [upper, ...lowers], mountpoint })
}

function checkFileHandles(request: ProgramRequest, stack: StackDefinition): void {
  if (!request.xinoRequired) return
  for (const path of [...stack.lowers, ...(stack.upper === undefined ? [] : [stack.upper])]) {
    const outcome = loadAddon().probePath(path).fileHandles
    if (outcome === null) continue
    throw new UnionfsError('MOUNT', `xino=on: ${path} lies on a filesystem without file handles (${outcome})`, { errno: outcome, path, remedy: 'mount with xino=auto or xino=off' })
  }
}

function optionsOf(request: ProgramRequest, calledAs: string): MountOptions {
  return {
    index: indexLocation(undefined),
    indexNamed: isIndexNamed(undefined),
    io: 'auto',
    allowOther: request.allowOther,
    // Callers ask for it as a matter of course; where it cannot be had, the kernel leaves it out.
    dev: request.dev && mayHaveDevices(),
    suid: request.suid === false ? false : undefined,
    volatile: !request.sync,
    threads: defaultThreads,
    view: viewOf(request, calledAs),
  }
}

function viewOf(request: ProgramRequest, calledAs: string): ViewOptions {
  const standIn = calledAs === standInName
  return {
    source: standIn ? standInName : request.source,
    subtype: standIn ? standInName : 'unionfs',
    exec: request.exec,
    // Whoever asks for it keeps his own record of it.
    marksVolatile: false,
    writeback: request.writeback,
    acl: request.acl,
    xattrs: request.xattrs,
    // podman and buildah name no source. They ask two xattrs of each file when they compare images, and take EOPNOTSUPP for
    // absence; containerd, which names one, fails by it, and tar --xattrs warns of it for each file.
    silentXattrs: request.source === undefined,
    timeoutSeconds: request.timeoutSeconds,
    uidRanges: flat(request.uidMapping),
    gidRanges: flat(request.gidMapping),
    squashUid: request.squashUid,
    squashGid: request.squashGid,
    staticNlink: request.staticNlink,
    shortInos: request.ino32,
    override: request.override,
    // Set, to whatever: callers know it by this name.
    whiteoutFiles: process.env['FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT'] !== undefined,
  }
}

function flat(ranges: readonly IdRange[]): number[] {
  return ranges.flatMap((range) => [range.onDisk, range.presented, range.count])
}

function mayHaveDevices(): boolean {
  const { admin, initialUserNamespace } = readPrivilege()
  return admin && initialUserNamespace
}
