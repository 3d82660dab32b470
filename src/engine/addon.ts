// addon - loads the native engine; the only importer of the .node file.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { messageOf, UnionfsError } from '../errors.js'
import type { NativeAddon } from './contract.js'

const addonPath = fileURLToPath(new URL('../../native/unionfs.node', import.meta.url))
let loaded: NativeAddon | undefined

export function loadAddon(): NativeAddon {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)(addonPath) as NativeAddon
    } catch (error) {
      throw new UnionfsError('ENGINE', `the native engine cannot be loaded: ${messageOf(error)}`, {
        path: addonPath,
        remedy: 'build it again with `make build` on this machine',
        cause: error,
      })
    }
  }
  return loaded
}
