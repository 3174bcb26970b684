// Sends statuses with node-soap, built from the WSDL the hub gives: node.js URL basic|digest NAME SECRET SOAP_VERSION FIRST COUNT
const soap = require('soap')
const [url, kind, name, secret, version, first, count] = process.argv.slice(2)
const basic = 'Basic ' + Buffer.from(`${name}:${secret}`).toString('base64')

async function main() {
  const options = { forceSoap12Headers: version === '1.2' }
  if (kind === 'basic') options.wsdl_headers = { Authorization: basic }
  const client = await soap.createClientAsync(url + '?wsdl', options)
  const account = (password) => kind === 'basic'
    ? new soap.BasicAuthSecurity(name, password)
    : new soap.WSSecurity(name, password, { passwordType: 'PasswordDigest', hasNonce: true, hasTimeStamp: true, mustUnderstand: true })
  client.setSecurity(account(secret))
  for (let number = +first; number < +first + +count; number++) {
    for (const [state, at] of [['IN', '2026-11-02'], ['DONE', '2026-11-04']]) await client.StatusAsync({ number: `N-${number}`, state, at })
  }
  if (kind === 'digest') {
    client.setSecurity(account('guess'))
    await client.StatusAsync({ number: 'N-0' }).then(
      () => { throw new Error('a guessed password was taken') },
      (error) => { if (!String(error.message).includes('FailedAuthentication')) throw error; console.log('FailedAuthentication') },
    )
  }
}
main().catch((error) => { console.error(error); process.exit(1) })
