// words - names of files in text for people: what a terminal must not obey, and what a shell must take as one word.

// Control characters, and those that turn the direction of text: a name may hold any of them.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const unprintableButLines = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const plainWord = /^[\p{L}\p{N}_@%+=:,./-]+$/u

// One line that a terminal only shows. The escapes are those of JSON, which stays what it was.
export function printable(text: string): string {
  return text.replace(unprintable, escapeOf)
}

// The same for text whose line ends are its own.
export function printableLines(text: string): string {
  return text.replace(unprintableButLines, escapeOf)
}

// A path as a word of a command that a person pastes into a shell (bash, zsh, ksh and others with $'...').
export function shellWord(path: string): string {
  if (plainWord.test(path)) return path
  if (printable(path) === path) return `'${path.replaceAll("'", "'\\''")}'`
  const bytes = path.replace(/[\\']/g, (char) => `\\${char}`).replace(unprintable, bytesOf)
  return `$'${bytes}'`
}

function escapeOf(char: string): string {
  return char === '\n' ? '\\n' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function bytesOf(char: string): string {
  return char === '\n' ? '\\n' : [...Buffer.from(char)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

// Names that are not UTF-8: each byte that is no text in octal, as in a word of a shell.
export function textOfBytes(bytes: Buffer): string {
  if (isText(bytes)) return bytes.toString()
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const char = [1, 2, 3, 4].map((length) => bytes.subarray(at, at + length)).find(isText)
    text += char?.toString() ?? `\\${(bytes[at] ?? 0).toString(8).padStart(3, '0')}`
    at += char?.length ?? 1
  }
  return text
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes)
}
