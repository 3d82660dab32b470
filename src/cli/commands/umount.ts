// umount - takes a mount away and waits until its daemon has ended, or tells for whom it serves on.
import { unmount } from '../../mount/unmount.js'
import { printable } from '../../words.js'
import type { Command } from '../command.js'
import { exitCodes } from '../exit-codes.js'

export const umountCommand: Command = {
  name: 'umount',
  async run({ output }, args) {
    const result = await unmount(args.positionals[0] ?? '', args.flag('lazy') ?? false)
    if (result.daemon === 'held') {
      const holders = result.holders.length === 0 ? 'programs, mounts or mount namespaces that still use the tree' : result.holders.join(', ')
      output.err(printable(`unionfs: ${result.mountpoint} is unmounted; its daemon (pid ${result.pid}) serves on for ${holders}, and ends with the last of them`))
    }
    return exitCodes.ok
  },
}
