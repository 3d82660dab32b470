// kernel - the transport of every day: the engine speaks the FUSE protocol itself, on its own threads.
import { startSession } from '../engine/session.js'
import { UnionfsError } from '../errors.js'
import { abilities, type Ability, type Transport } from './transport.js'

export const kernelTransport: Transport = {
  name: 'kernel',
  supports: Object.keys(abilities) as Ability[],
  mount: async (stack, options, logger) => {
    if (options.hook !== undefined) {
      const reason = 'no JavaScript runs on the path of a request of the kernel transport'
      throw new UnionfsError('INVALID', reason, { remedy: 'mount with --transport=fuse-native' })
    }
    const native = await startSession(stack, options, logger)
    return { info: () => native.info(), stats: () => native.stats(), records: native, unmount: (lazy) => native.unmount(lazy), ended: native.ended }
  },
}
