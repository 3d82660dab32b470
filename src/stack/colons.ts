// colons - hints for people whose directories have colons in their names. Only LOWER is split at colons.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatSpec } from './parse-spec.js'
import type { GivenPaths } from './stack.js'

const longestRun = 4 // pieces that are tried as one name

// The directory that lower `index` is a piece of, when it and its neighbours together name one.
export function splitByColon(given: GivenPaths, index: number): { readonly path: string; readonly written: string } | undefined {
  for (let length = 2; length <= longestRun; length++) {
    for (let first = Math.max(0, index - length + 1); first <= index && first + length <= given.lowers.length; first++) {
      const path = given.lowers.slice(first, first + length).join(':')
      if (isDirectory(resolve(given.cwd, path))) return { path, written: formatSpec([path]) }
    }
  }
  return undefined
}

// What a path without its backslashes would be, when that exists and the path itself does not.
export function escapedWithoutNeed(cwd: string, path: string | undefined): string | undefined {
  if (path === undefined || !path.includes('\\')) return undefined
  const plain = path.replace(/\\([\\:])/g, '$1')
  return plain !== path && !isDirectory(resolve(cwd, path)) && isDirectory(resolve(cwd, plain)) ? plain : undefined
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false // for a hint, whatever cannot be looked at is not there
  }
}
