# Writes to the Application log when the metadata service says that this VM is about to be rebooted.
# For the Task Scheduler and Windows PowerShell 5.1, which is part of Windows (PowerShell 7 has no
# Write-EventLog). Exit code: 0 nothing pending, 10 a reboot is pending, 75 could not read (says nothing).
#
#   schtasks /Create /TN IsVmInMaint /SC MINUTE /MO 1 /RU SYSTEM /TR
#     "powershell -NoProfile -ExecutionPolicy Bypass -File C:\drainer\IsVmInMaint.ps1"
#
# Every minute: the notice comes within five minutes of the reboot, so a look every five minutes can come
# too late, or never. "drainer once" does the same for every source, and says who, what and when.
#
# Once, as administrator: New-EventLog -LogName Application -Source IsVmInMaint
#
# This file is plain ASCII: Windows PowerShell 5.1 reads a file without a mark in the machine's own code
# page, so the typographic quotes of the documents of 2015 are written as numbers.

param([string] $MetadataUrl = 'http://169.254.169.254')

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

function Stop-Unread([string] $Why) {
    [Console]::Error.WriteLine("IsVmInMaint: could not read $MetadataUrl`: $Why. This says nothing about a pending reboot.")
    exit 75
}

function Get-InstanceInfo {
    $request = [System.Net.HttpWebRequest] [System.Net.WebRequest]::Create("$MetadataUrl/metadata/v1/InstanceInfo")
    $request.Proxy = $null
    $request.AllowAutoRedirect = $false
    $request.Timeout = 10000
    $request.ReadWriteTimeout = 10000
    $request.Headers.Add('Metadata', 'true')
    $response = $request.GetResponse()
    try {
        if ([int] $response.StatusCode -ne 200) { throw "it answered $([int] $response.StatusCode)" }
        $reader = New-Object System.IO.StreamReader($response.GetResponseStream(), [System.Text.Encoding]::UTF8)
        $reader.ReadToEnd()
    }
    finally { $response.Close() }
}

# Reads the members of one JSON object, a name without a value and typographic quotes included, as the
# documents of 2015 are printed. A reboot is a member named Reboot, whatever stands behind it but a plain
# false: the word in a value, or in another member's name, is no notice.
function Test-Reboot([string] $Document) {
    $curly = "$([char] 0x201C)$([char] 0x201D)"
    $text = '(?:"(?:[^"\\]|\\.)*"|[' + $curly + '][^"' + $curly + '\\]*["' + $curly + '])'
    $nested = '\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}|\[(?:[^\[\]"]|"(?:[^"\\]|\\.)*")*\]'
    $member = '\s*(?<name>' + $text + ')\s*(?::\s*(?<value>' + $text + '|' + $nested + '|[-+.\w]+)\s*)?'
    if ($Document -notmatch ('^\s*\{(?:' + $member + ',)*' + $member + '\}\s*$')) { throw 'it answered something else' }

    $identified = $false
    $pending = $false
    $inside = $Document.Trim() -replace '^\{', '' -replace '\}$', ''
    foreach ($found in [regex]::Matches($inside, '\G' + $member + '(?:,|$)')) {
        if ($found.Length -eq 0) { continue }
        $name = $found.Groups['name'].Value
        $name = $name.Substring(1, $name.Length - 2)
        $value = $found.Groups['value']
        if ($name -eq 'Reboot') { if (-not $value.Success -or $value.Value -ne 'false') { $pending = $true } }
        elseif (-not $value.Success) { throw "it says nothing behind $name" }
        if ($name -eq 'ID' -or $name -eq 'InstanceID') { $identified = $true }
    }
    if (-not $identified) { throw 'it names no VM' }
    $pending
}

try { $pending = Test-Reboot (Get-InstanceInfo) }
catch { Stop-Unread $_.Exception.Message }

if (-not $pending) { exit 0 }
try {
    Write-EventLog -LogName Application -Source IsVmInMaint -EntryType Warning -EventId 1 `
        -Message 'Incoming VM reboot, within five minutes'
}
catch { [Console]::Error.WriteLine("IsVmInMaint: not logged: $($_.Exception.Message)") }
exit 10
