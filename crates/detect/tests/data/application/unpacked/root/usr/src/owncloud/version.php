<?php
$OC_VersionString = '10.13.0';
$vendor = 'owncloud';
