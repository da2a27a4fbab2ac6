# Installs drainer as a Windows service (the daemon), or as a scheduled task that only looks (drainer once).
#
#   powershell -NoProfile -ExecutionPolicy Bypass -File Install-Drainer.ps1 -Wheel .\drainer-0.1.0-py3-none-any.whl
#   ... -OnlyLook       the scheduled task alone: it logs notices to the EventLog and changes nothing
#
# Run as administrator, with Python 3.12 or newer installed for all users. Running it again upgrades: the service is
# stopped, which touches no membership, and goes on by its journal when it starts.
#
# This file is plain ASCII, for Windows PowerShell 5.1.

param(
    [Parameter(Mandatory = $true)] [string] $Wheel,
    [string] $Python = 'py',
    [string] $Program = "$env:ProgramFiles\drainer",
    [switch] $OnlyLook
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$Root = "$env:ProgramData\drainer"
$Inside = "$Program\venv\Scripts\python.exe"

function Invoke-Checked([string] $What, [scriptblock] $Command) {
    & $Command
    if ($LASTEXITCODE -ne 0) { throw "$What failed with exit code $LASTEXITCODE" }
}

function Install-Program {
    if (-not (Test-Path -LiteralPath $Wheel)) { throw "expected a wheel, found nothing at $Wheel" }
    if (-not (Test-Path -LiteralPath $Inside)) {
        Invoke-Checked 'making the environment' { & $Python -m venv "$Program\venv" }
    }
    $extra = if ($OnlyLook) { '' } else { '[windows]' }
    Invoke-Checked 'installing the wheel' { & $Inside -m pip install --upgrade --quiet "$Wheel$extra" }
    # pip leaves a wheel out whose version is there already, also where it was built anew.
    Invoke-Checked 'installing the wheel' { & $Inside -m pip install --force-reinstall --no-deps --quiet $Wheel }
    Invoke-Checked 'compiling' { & $Inside -m compileall -q "$Program\venv\Lib\site-packages\drainer" }
}

# Administrators and the system alone: the policy names programs that are run as the service's user.
function New-PrivateFolder([string] $Path) {
    New-Item -ItemType Directory -Force -Path $Path | Out-Null
    Invoke-Checked "protecting $Path" {
        & icacls.exe $Path /inheritance:r /grant:r '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-18:(OI)(CI)F' | Out-Null
    }
}

# The marker is read by the web server, whoever it runs as; only the service writes it.
function New-MarkerFolder([string] $Path) {
    New-PrivateFolder $Path
    Invoke-Checked "opening $Path to readers" { & icacls.exe $Path /grant '*S-1-5-32-545:(OI)(CI)RX' | Out-Null }
}

function Register-Source {
    if (-not [System.Diagnostics.EventLog]::SourceExists('drainer')) {
        New-EventLog -LogName Application -Source drainer
    }
}

function Install-Policy {
    if (Test-Path -LiteralPath "$Root\policy.yaml") { return }
    Copy-Item -LiteralPath "$PSScriptRoot\policy.yaml" -Destination "$Root\policy.yaml"
}

function Install-DrainerService {
    Invoke-Checked 'checking the policy' { & $Inside -m drainer check "$Root\policy.yaml" }
    Invoke-Checked 'registering the service' { & $Inside -m drainer.service --startup auto install }
    Invoke-Checked 'setting its recovery' {
        & sc.exe failure drainer reset= 86400 actions= restart/1000/restart/1000/restart/5000 | Out-Null
    }
    Invoke-Checked 'setting its recovery' { & sc.exe failureflag drainer 1 | Out-Null }
    Start-Service -Name drainer
}

function Install-Look {
    $action = New-ScheduledTaskAction -Execute $Inside -Argument '-m drainer once --record on-change'
    $every = New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval (New-TimeSpan -Minutes 1)
    $settings = New-ScheduledTaskSettingsSet -MultipleInstances IgnoreNew -ExecutionTimeLimit (New-TimeSpan -Minutes 2)
    $user = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount
    Register-ScheduledTask -TaskName 'drainer once' -Action $action -Trigger $every -Settings $settings `
        -Principal $user -Force | Out-Null
}

# Windows replaces no file of a program that runs.
$Ran = Get-Service -Name drainer -ErrorAction SilentlyContinue | Where-Object { $_.Status -eq 'Running' }
if ($Ran) { Stop-Service -Name drainer }
try {
    Install-Program
    New-PrivateFolder $Root
    New-PrivateFolder "$Root\state"
    New-MarkerFolder "$Root\marker"
    Register-Source
    Install-Policy
    if ($OnlyLook) { Install-Look } else { Install-DrainerService }
} finally {
    # Whatever failed, what ran goes on: its VM may be out.
    if ($Ran) { Start-Service -Name drainer -ErrorAction Continue }
}
