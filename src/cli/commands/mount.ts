// mount - stacks layers and serves them, from a daemon or in the foreground.
import { basename, resolve } from 'node:path'
import { defaultThreads, findCommand, ioModes, logLevels, transportNames } from '../../config/options.js'
import { describeProblem } from '../../errors.js'
import { indexLocation } from '../../index/location.js'
import { createLogger } from '../../log/logger.js'
import { serveUntilEnd, SignalGate } from '../../mount/daemon.js'
import { mountStack, type MountOptions } from '../../mount/mount.js'
import { parseSpec } from '../../stack/parse-spec.js'
import { defineStack, type StackDefinition } from '../../stack/stack.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { usageError, type Arguments } from '../parse.js'

export const mountCommand: Command = {
  name: 'mount',
  async run({ output, inDaemon }, args) {
    const stack = stackOf(args)
    const file = args.text('log')
    const logger = await createLogger({
      file: file === undefined ? undefined : resolve(file),
      stderr: !inDaemon,
      level: args.choice('log-level', logLevels) ?? 'info',
    })
    const gate = new SignalGate()
    if (inDaemon) {
      process.chdir('/') // every path is absolute by now, and the daemon must not keep a filesystem busy
      process.title = `unionfs ${basename(stack.mountpoint)}`
    }
    const mount = await mountStack(stack, mountOptions(args), logger)
    for (const warning of mount.warnings) output.err(`unionfs: warning: ${describeProblem(warning)}`)
    output.finish(exitCodes.ok)
    // The engine serves without JavaScript: a fault in the control plane must not take the mount down.
    process.on('uncaughtException', (error) => {
      logger.log('error', 'fault in the control plane', { reason: error.message, stack: error.stack })
    })
    await serveUntilEnd(mount, gate, logger)
    return exitCodes.ok
  },
}

function stackOf(args: Arguments): StackDefinition {
  const [spec = '', second = '', third] = args.positionals
  const lowers = parseSpec(spec)
  const workdir = args.text('workdir')
  if (third === undefined) {
    if (workdir !== undefined) throw usageError('--workdir belongs to a mount with an UPPER', findCommand('mount'))
    return defineStack({ lowers, mountpoint: second })
  }
  return defineStack({ lowers, upper: second, workdir, mountpoint: third })
}

function mountOptions(args: Arguments): MountOptions {
  return {
    index: indexLocation(args.text('index')),
    transport: args.choice('transport', transportNames) ?? 'kernel',
    io: args.choice('io', ioModes) ?? 'auto',
    allowOther: args.flag('allow-other'),
    volatile: args.flag('volatile') ?? false,
    dev: args.flag('dev'),
    suid: args.flag('suid'),
    threads: args.integer('threads') ?? defaultThreads,
  }
}
