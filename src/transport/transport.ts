// transport - what carries requests between the kernel and the engine, and what it is able to carry.
import type { TransportName } from '../config/options.js'
import type { NativeRecords, NativeSessionInfo, NativeStats } from '../engine/contract.js'
import type { EngineOptions } from '../engine/session.js'
import type { Logger } from '../log/logger.js'
import type { StackDefinition } from '../stack/stack.js'
import type { PathHandlers } from './path-handlers.js'

// Each ability as the end of "... does not carry".
export const abilities = {
  'passthrough-io': 'data straight between a program and its layer (--io=passthrough)',
  'caller-ids': 'who asks: what is made belongs to the daemon',
  'nanosecond-times': 'times finer than a millisecond',
  'early-times': 'times before 1970',
  'single-times': 'setting one of access and modification time without the other',
  'birth-times': 'birth times',
  'wide-inode-numbers': 'inode numbers above 32 bits as they are: they are folded',
  'raw-names': 'names and symlink targets that are not UTF-8',
  'rename-flags': 'RENAME_NOREPLACE and RENAME_EXCHANGE',
  'unnamed-files': 'O_TMPFILE',
  'inode-flags': 'inode flags (ioctl)',
  'posix-acl': 'POSIX ACLs',
  fallocate: 'fallocate',
  'seek-holes': 'SEEK_DATA and SEEK_HOLE: all is data',
  'linked-caches': 'one page cache for all names of a file',
  'atomic-replace': 'replacing an open file in one step: its name is missing for a moment',
  'removed-directories': 'requests about what was opened in a directory that is removed since',
  'path-index': 'the path index: every name is asked of the layers',
  fusermount3: 'mounting by an ordinary user through fusermount3',
} as const
export type Ability = keyof typeof abilities

export interface TransportOptions extends EngineOptions {
  // Puts JavaScript between the kernel and the engine (fuse-native only): gets the handlers and gives those that serve.
  readonly hook?: (handlers: PathHandlers) => PathHandlers
}

// A mount that somebody serves.
export interface ServedMount {
  // The two throw an error with code ENOTCONN once the mount has ended.
  info(): NativeSessionInfo
  stats(): NativeStats
  // For the path index; absent where it cannot be used.
  readonly records?: NativeRecords
  // Rejects with code EBUSY while programs use the mount, unless lazy. The end itself is told by `ended`.
  unmount(lazy: boolean): Promise<void>
  // Why it ended. By then its threads, descriptors and locks are gone.
  readonly ended: Promise<string>
}

export interface Transport {
  readonly name: TransportName
  readonly supports: readonly Ability[]
  // Resolves when the mount can be used; rejects with an UnionfsError and nothing mounted.
  mount(stack: StackDefinition, options: TransportOptions, logger: Logger): Promise<ServedMount>
}

export function lacks(transport: Pick<Transport, 'name' | 'supports'>, ability: Ability): string | undefined {
  return transport.supports.includes(ability) ? undefined : `${transport.name} does not carry ${abilities[ability]}`
}
