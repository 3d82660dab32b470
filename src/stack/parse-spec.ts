// parse-spec - splits "a:b\:c" into layer paths. Left is the top. What the paths are is not looked at here.
import { maxLowers } from '../config/options.js'
import { UnionfsError } from '../errors.js'

export function parseSpec(spec: string): string[] {
  const paths: string[] = []
  let current = ''
  for (let i = 0; i < spec.length; i++) {
    const char = spec[i]
    if (char === '\\') {
      const next = spec[i + 1]
      if (next !== ':' && next !== '\\') {
        throw usage(`a backslash in ${JSON.stringify(spec)} stands before neither ':' nor '\\'`, 'write a backslash that belongs to a name as \\\\')
      }
      current += next
      i++
    } else if (char === ':') {
      paths.push(current)
      current = ''
    } else {
      current += char ?? ''
    }
  }
  paths.push(current)
  if (paths.includes('')) throw usage(`an empty layer name in ${JSON.stringify(spec)}`, "a colon that belongs to a name is written '\\:'")
  if (paths.length > maxLowers) throw usage(`${paths.length} lower layers are given; at most ${maxLowers} can be stacked`, 'merge some of them first')
  return paths
}

// The inverse: what a person would type for these paths.
export function formatSpec(paths: readonly string[]): string {
  return paths.map((path) => path.replace(/[\\:]/g, (char) => `\\${char}`)).join(':')
}

function usage(message: string, remedy: string): UnionfsError {
  return new UnionfsError('USAGE', message, { remedy })
}
