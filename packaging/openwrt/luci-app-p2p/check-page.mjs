// Runs the page with stand-ins for what LuCI gives it, and prints what a person would read, a line a table row; then
// the settings that can be changed. Reads {"status": …, "contacts": …} from standard input.
import fs from 'node:fs';

const answers = JSON.parse(fs.readFileSync(0, 'utf8'));
const page = new URL('htdocs/luci-static/resources/view/p2p.js', import.meta.url);

String.prototype.format = function (...values) {
	return this.replace(/%[sd]/g, () => values.shift());
};

// as LuCI has it: children in a list are text or elements, a single text would be read as HTML
class Element {
	constructor(tag, attributes, children) {
		if (typeof children === 'string') throw new Error(`text as HTML: ${children}`);
		Object.assign(this, { tag, attributes });
		this.children = [children ?? []].flat();
	}
	replaceChildren(...children) { this.children = children; }
	text() { return this.children.map(child => child instanceof Element ? child.text() : child).join('\t'); }
	lines() {
		if (['tr', 'h2', 'h3'].includes(this.tag)) return [this.text()];
		return this.children.flatMap(child => child instanceof Element ? child.lines() : [child]);
	}
}
const E = (...given) => new Element(...given);

const changeable = [];
class Section {
	constructor(name) { this.name = name; }
	option(kind, key) {
		changeable.push(`${this.name}.${key}`);
		return { value() {} };
	}
}
class Map {
	section(kind, name) { return new Section(name); }
	render() { return Promise.resolve(E('form', {}, [])); }
}
const form = { Map };
for (const kind of ['DynamicList', 'Flag', 'GridSection', 'ListValue', 'NamedSection', 'Value']) form[kind] = kind;

let refresh;
const rpc = { declare: ({ method, expect }) => async () => expect ? answers[method].contacts ?? [] : answers[method] };
const poll = { add: again => { refresh = again; } };
const view = { extend: methods => methods };
const run = new Function('form', 'poll', 'rpc', 'view', 'E', '_', fs.readFileSync(page, 'utf8'));
const methods = run(form, poll, rpc, view, E, words => words);

const shown = await methods.render(await methods.load());
const first = shown.lines().join('\n');
await refresh();
if (shown.lines().join('\n') !== first) throw new Error('looking again changes what is shown');
console.log(first);
console.log(`changes: ${changeable.join(' ')}`);
