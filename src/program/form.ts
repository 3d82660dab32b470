// form - tells the mount-program form of the command line from the one with a verb in front.
//
// The starter (native/launch) decides the same way whether to start a daemon.
import { isMountHelper } from './words.js'

// The name other programs look for in PATH.
export const standInName = 'fuse-overlayfs'

// `calledAs`: the last part of the path by which the command was called. A verb in front is always a verb.
export function isProgramForm(calledAs: string, argv: readonly string[], verbs: readonly string[]): boolean {
  if (calledAs === standInName || isMountHelper(calledAs)) return true
  return !verbs.includes(argv[0] ?? '') && argv.some((word) => word.startsWith('-o') || word === '--options' || word.startsWith('--options='))
}
