// The page of p2p: what the daemon does, what it serves, who is known, and the settings of /etc/config/p2p.
'use strict';
'require form';
'require poll';
'require rpc';
'require view';

const status = rpc.declare({ object: 'p2p', method: 'status' });
const contacts = rpc.declare({ object: 'p2p', method: 'contacts', expect: { contacts: [] } });

// Strangers choose names and addresses: E() makes text nodes of them only when they stand in a list.
const text = value => [String(value)];

function table(titles, rows, empty) {
	const head = E('tr', { class: 'tr table-titles' }, titles.map(title => E('th', { class: 'th' }, text(title))));
	const body = rows.length
		? rows.map(row => E('tr', { class: 'tr' }, row.map(cell => E('td', { class: 'td' }, text(cell)))))
		: [E('tr', { class: 'tr placeholder' }, [E('td', { class: 'td', colspan: titles.length }, text(empty))])];
	return E('table', { class: 'table' }, [head].concat(body));
}

function overlay(entry) {
	const state = entry.error ? entry.error
		: entry.published == null ? _('nothing published')
		: _('published %d s ago').format(entry.published);
	return [_('Overlay'), '%s: %s'.format(entry.address, state)];
}

function lending(entry) {
	const words = _('introduces: %s; carries for: %s; %d hosts registered, %d octets passed on');
	return [_('For others'), words.format(entry.register, entry.relay, entry.registered, entry.octets)];
}

function showStatus(said) {
	if (!said || !said.fingerprint)
		return table([_('State'), ''], [], _('not running'));
	const rows = [
		[_('Name'), said.name || _('none')],
		[_('Fingerprint'), said.fingerprint],
		[_('Share link'), said.share_link || _('none')],
		[_('Peers come to'), said.udp.join(' ')],
		[_('Browsers come to'), said.proxy.join(' ') || _('nowhere')],
		[_('Connections'), said.connections]
	];
	const more = (said.overlays || []).map(overlay).concat(said.lending ? [lending(said.lending)] : []);
	return table([_('State'), _('running')], rows.concat(more), '');
}

function showServices(said) {
	const services = (said && said.services) || [];
	const rows = services.map(service => [service.port, service.target, service.allow]);
	return table([_('Port'), _('What answers'), _('For whom')], rows, _('nothing is served'));
}

function showContacts(known) {
	const rows = known.map(contact => [contact.name, contact.fingerprint, contact.trust]);
	return table([_('Name'), _('Fingerprint'), _('Known how')], rows, _('no contacts yet'));
}

function circle(section, key, title) {
	const option = section.option(form.ListValue, key, title);
	option.value('none', _('nobody'));
	option.value('contacts', _('contacts'));
	option.value('anyone', _('anyone'));
	option.default = 'none';
}

function settings() {
	const map = new form.Map('p2p', _('Settings'));
	const main = map.section(form.NamedSection, 'main', 'p2p');
	main.option(form.Flag, 'enabled', _('Enabled'));
	const name = main.option(form.Value, 'name', _('Name'),
		_('Makes an identity where there is none, such as home@example.com.'));
	name.placeholder = 'home@example.com';
	main.option(form.DynamicList, 'listen', _('Browsers come to'));
	main.option(form.DynamicList, 'udp', _('Peers come to'));
	main.option(form.DynamicList, 'overlay', _('Overlays'));
	circle(main, 'rendezvous_for', _('Introduces'));
	circle(main, 'relay_for', _('Carries traffic for'));

	const kinds = [
		['serve', _('Folders'), [['folder', _('Folder')], ['port', _('Port')]]],
		['expose', _('Applications'), [['application', _('Address')], ['port', _('Port')]]],
		['store', _('Stores of packets'), [['listen', _('Address')], ['dir', _('Folder')]]]
	];
	for (const [kind, title, options] of kinds) {
		const section = map.section(form.GridSection, kind, title);
		section.addremove = true;
		section.option(form.Flag, 'enabled', _('Enabled')).default = '1';
		for (const [key, words] of options)
			section.option(form.Value, key, words);
	}
	return map.render();
}

const block = (title, content) => E('div', { class: 'cbi-section' }, [E('h3', {}, text(title)), content]);

return view.extend({
	load: () => Promise.all([status(), contacts()]),

	render: ([said, known]) => settings().then(form => {
		const state = E('div', {}, [showStatus(said)]), services = E('div', {}, [showServices(said)]);
		poll.add(() => status().then(said => {
			state.replaceChildren(showStatus(said));
			services.replaceChildren(showServices(said));
		}));
		return E('div', {}, [
			E('h2', {}, text('p2p')),
			block(_('Status'), state),
			block(_('Services'), services),
			block(_('Contacts'), showContacts(known)),
			form
		]);
	})
});
