// option-list - takes the text behind -o apart: commas, quotes and backslashes, as callers of FUSE overlays write them.
//
// Two families of programs are met. libfuse takes one level of backslashes away before an option is looked at and its
// overlays a second one from lowerdir; others know one level, and quotes. What either writes must mean what it meant.

// A list's options, each with its backslashes as they were, but without quotes around its value. Empty ones are left out.
export function splitOptions(list: string): string[] {
  const options: string[] = []
  let current = ''
  for (let i = 0; i < list.length; i++) {
    const char = list[i] ?? ''
    if (char === '\\' && i + 1 < list.length) {
      current += char + (list[++i] ?? '')
    } else if (char === ',') {
      options.push(current)
      current = ''
    } else if (char === '"' && current.endsWith('=') && current.indexOf('=') === current.length - 1) {
      const end = closingQuote(list, i)
      current += end < 0 ? char : list.slice(i + 1, end)
      i = end < 0 ? i : end
    } else {
      current += char
    }
  }
  options.push(current)
  return options.filter((option) => option !== '')
}

// Where the quote that opens at `start` is closed: a quote at the end of the option. Else it belongs to a name.
function closingQuote(list: string, start: number): number {
  for (let at = list.indexOf('"', start + 1); at >= 0; at = list.indexOf('"', at + 1)) {
    if (at + 1 === list.length || list[at + 1] === ',') return at
  }
  return -1
}

export function nameAndValue(option: string): { name: string; value: string | undefined } {
  const equals = option.indexOf('=')
  return equals < 0 ? { name: option, value: undefined } : { name: option.slice(0, equals), value: option.slice(equals + 1) }
}

// A value that is one path or word. A backslash makes a backslash, colon, comma or quote ordinary, and three octal digits
// a byte; before anything else it is a backslash, because callers that escape nothing else write it so.
export function unescapeValue(value: string): string {
  if (!value.includes('\\')) return value
  const bytes: Buffer[] = []
  let plain = 0
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== '\\') continue
    const octal = /^[0-3][0-7]{2}/.exec(value.slice(i + 1, i + 4))?.[0]
    const next = value[i + 1] ?? ''
    if (octal === undefined && !(next !== '' && '\\:,"'.includes(next))) continue
    bytes.push(Buffer.from(value.slice(plain, i)), octal === undefined ? Buffer.from(next) : Buffer.from([Number.parseInt(octal, 8)]))
    i += octal?.length ?? 1
    plain = i + 1
  }
  bytes.push(Buffer.from(value.slice(plain)))
  return Buffer.concat(bytes).toString('utf8')
}

// The paths of lowerdir. One to three backslashes before a colon (one level of escapes, or two) make it part of the
// name; four are two levels of one backslash, which ends a name.
export function splitLowers(value: string): string[] {
  const paths: string[] = []
  let start = 0
  for (let i = 0; i < value.length; i++) {
    if (value[i] !== ':') continue
    const run = backslashesBefore(value, i)
    if (run > 0 && run < 4) continue
    paths.push(value.slice(start, i))
    start = i + 1
  }
  paths.push(value.slice(start))
  return paths.map((path) => unescapeValue(path.replace(/\\{1,3}:/g, ':').replace(/\\{4}$/, '\\\\')))
}

function backslashesBefore(text: string, at: number): number {
  let run = 0
  while (run < at && text[at - run - 1] === '\\') run++
  return run
}
