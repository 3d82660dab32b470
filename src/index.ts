// index - the library: what the command line does, for programs.
export { UnionfsError, ValidationError, type Problem } from './errors.js'
export { createLogger, type Logger } from './log/logger.js'
export { mountStack, type LiveMount } from './mount/mount.js'
export { unmount, type UnmountResult } from './mount/unmount.js'
export { listMounts, type MountRecord } from './mount/registry.js'
export { formatSpec, parseSpec } from './stack/parse-spec.js'
export { defineStack, type StackDefinition, type StackRequest } from './stack/stack.js'
export type { EngineOptions } from './engine/session.js'
