// umount - takes a mount away and waits until its daemon has ended.
import { unmount } from '../../mount/unmount.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'

export const umountCommand: Command = {
  name: 'umount',
  async run({ output }, args) {
    const result = await unmount(args.positionals[0] ?? '', args.flag('lazy') ?? false)
    if (!result.daemonEnded) output.err(`unionfs: ${result.mountpoint} is unmounted; its daemon ends when the last program has closed its files`)
    return exitCodes.ok
  },
}
