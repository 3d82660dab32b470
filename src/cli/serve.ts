// serve - mounts a stack, tells whoever waits that it can be used, and serves it until it ends.
import { basename } from 'node:path'
import { describeProblem } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { serveUntilEnd, SignalGate } from '../mount/daemon.js'
import { mountStack, type MountOptions } from '../mount/mount.js'
import type { StackDefinition } from '../stack/stack.js'
import { printable } from '../words.js'
import type { Context } from './command.js'
import { exitCodes } from './exit-codes.js'

export async function serve({ output, inDaemon }: Context, stack: StackDefinition, options: MountOptions, given: Logger): Promise<number> {
  const gate = new SignalGate()
  if (inDaemon) {
    process.chdir('/') // every path is absolute by now, and the daemon must not keep a filesystem busy
    process.title = `unionfs ${basename(stack.mountpoint)}`
  }
  const mount = await mountStack(stack, options, given)
  const { logger } = mount
  for (const warning of mount.warnings) output.err(printable(`unionfs: warning: ${describeProblem(warning)}`))
  output.finish(exitCodes.ok)
  // The engine serves without JavaScript: a fault in the control plane must not take the mount down.
  process.on('uncaughtException', (error) => {
    logger.log('error', 'fault in the control plane', { reason: error.message, stack: error.stack })
  })
  // Without a listener, node would open a debugging port. Other overlays print figures at it.
  process.on('SIGUSR1', () => {
    logger.log('info', 'asked for figures', { ...mount.native.stats().overlay })
  })
  await serveUntilEnd(mount, gate, logger)
  return exitCodes.ok
}
