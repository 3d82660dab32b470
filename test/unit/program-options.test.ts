// program-options - the text behind -o, as container engines, mount(8) and people write it.
import t from 'tap'
import { splitLowers, splitOptions, unescapeValue } from '../../src/program/option-list.js'

t.test('a list is split at commas, and empty options are nothing', (t) => {
  t.same(splitOptions('lowerdir=/a,upperdir=/b,workdir=/c,,volatile,'), ['lowerdir=/a', 'upperdir=/b', 'workdir=/c', 'volatile'])
  t.same(splitOptions(''), [])
  t.end()
})

t.test('a comma in quotes around a value, or behind a backslash, belongs to the value', (t) => {
  t.same(splitOptions('context="system_u:object_r:container_file_t:s0:c615,c823",ro'), ['context=system_u:object_r:container_file_t:s0:c615,c823', 'ro'])
  t.same(splitOptions('upperdir=/a\\,b,ro').map(unescapeValue), ['upperdir=/a,b', 'ro'])
  t.same(splitOptions('upperdir=/a"b,ro'), ['upperdir=/a"b', 'ro'], 'a quote in a name is a letter')
  t.same(splitOptions('upperdir="/a,ro'), ['upperdir="/a', 'ro'], 'a quote that is never closed is a letter')
  t.end()
})

t.test('lowers are split at colons, and a colon behind one, two or three backslashes belongs to the name', (t) => {
  t.same(splitLowers('/a:/b:/c'), ['/a', '/b', '/c'])
  t.same(splitLowers('/a\\:b:/c'), ['/a:b', '/c'], 'one level, as buildah writes it')
  t.same(splitLowers('/a\\\\:b:/c'), ['/a:b', '/c'], 'two levels, as for libfuse')
  t.same(splitLowers('/a\\\\\\:b:/c'), ['/a:b', '/c'])
  t.same(splitLowers('/a\\\\\\\\:b'), ['/a\\', 'b'], 'two levels of a backslash that ends a name')
  t.end()
})

t.test('octal digits behind a backslash are a byte; a backslash before anything else is one', (t) => {
  t.equal(unescapeValue('/a\\054b\\040c'), '/a,b c')
  t.equal(unescapeValue('/\\303\\244'), '/ä')
  t.equal(unescapeValue('/a\\b'), '/a\\b')
  t.equal(unescapeValue('/a\\\\b'), '/a\\b')
  t.equal(unescapeValue('/a\\'), '/a\\')
  t.end()
})
