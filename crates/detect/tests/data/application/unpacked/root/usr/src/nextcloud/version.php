<?php
$OC_Version = array(27,1,4,1);
$OC_VersionString = '27.1.4';
$OC_Edition = '';
$vendor = 'nextcloud';
