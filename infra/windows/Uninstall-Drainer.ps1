# Removes drainer. Where an episode is open the VM is given back first; where that fails nothing is removed.
#
#   powershell -NoProfile -ExecutionPolicy Bypass -File Uninstall-Drainer.ps1
#
# Run as administrator. The journal and the policy stay under %ProgramData%\drainer; delete them by hand.

param([string] $Program = "$env:ProgramFiles\drainer")

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$Inside = "$Program\venv\Scripts\python.exe"

if (-not (Test-Path -LiteralPath $Inside)) {
    throw "expected drainer's Python, found nothing at $Inside; nothing was stopped or removed. Installed elsewhere: -Program"
}
if (Get-Service -Name drainer -ErrorAction SilentlyContinue) {
    Stop-Service -Name drainer
    & $Inside -m drainer restore --offline
    if ($LASTEXITCODE -ne 0) {
        Start-Service -Name drainer
        throw 'this VM could not be given back, so nothing was removed; drainer history says what is owed, and what undoes it'
    }
    & $Inside -m drainer.service remove
    if ($LASTEXITCODE -ne 0) { throw "removing the service failed with exit code $LASTEXITCODE" }
}
if (Get-ScheduledTask -TaskName 'drainer once' -ErrorAction SilentlyContinue) {
    Stop-ScheduledTask -TaskName 'drainer once'
    Unregister-ScheduledTask -TaskName 'drainer once' -Confirm:$false
}
Remove-EventLog -Source drainer -ErrorAction SilentlyContinue
Remove-Item -Recurse -Force -LiteralPath $Program
