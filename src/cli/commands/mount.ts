// mount - stacks layers and serves them, from a daemon or in the foreground.
import { resolve } from 'node:path'
import { defaultThreads, findCommand, ioModes, logLevels, transportNames } from '../../config/options.js'
import { indexLocation, isIndexNamed } from '../../index/location.js'
import { createLogger } from '../../log/logger.js'
import type { MountOptions } from '../../mount/mount.js'
import { parseSpec } from '../../stack/parse-spec.js'
import { defineStack, type StackDefinition } from '../../stack/stack.js'
import type { Command } from '../command.js'
import { usageError, type Arguments } from '../parse.js'
import { serve } from '../serve.js'

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
    return serve({ output, inDaemon }, stack, mountOptions(args), logger)
  },
}

function stackOf(args: Arguments): StackDefinition {
  const [spec = '', second = '', third] = args.positionals
  const lowers = parseSpec(spec)
  const workdir = args.text('workdir')
  if (third === undefined) {
    const ofTheUpper = workdir !== undefined ? '--workdir' : args.flag('volatile') === true ? '--volatile' : undefined
    if (ofTheUpper !== undefined) throw usageError(`${ofTheUpper} belongs to a mount with an UPPER`, findCommand('mount'))
    return defineStack({ lowers, mountpoint: second })
  }
  return defineStack({ lowers, upper: second, workdir, mountpoint: third })
}

function mountOptions(args: Arguments): MountOptions {
  return {
    index: indexLocation(args.text('index')),
    indexNamed: isIndexNamed(args.text('index')),
    transport: args.choice('transport', transportNames) ?? 'kernel',
    io: args.choice('io', ioModes) ?? 'auto',
    allowOther: args.flag('allow-other'),
    volatile: args.flag('volatile') ?? false,
    dev: args.flag('dev'),
    suid: args.flag('suid'),
    threads: args.integer('threads') ?? defaultThreads,
  }
}
