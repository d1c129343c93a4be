<?php
// This file is part of Moodle
$version  = 2023100902.00;
$release  = '4.3.2+ (Build: 20240110)';
$branch   = '403';
